import { describe, expect, it } from "vitest";
import {
  beginLife,
  EPISODE_COUNT_MAX,
  type LifeSettings,
  type LifeState,
  type LifeStep,
  lifeDueMs,
  passTime,
  takeCorrection,
  takeEarly,
  takeSample,
} from "../../../../aggregator/alerts/alert-life.ts";

const MINUTE = 60_000;
const PLAIN: LifeSettings = {
  forMs: 0,
  resolveForMs: 0,
  cooldownMs: 0,
  staleAfterMs: 5 * MINUTE,
  missingMs: undefined,
};

/** A key to which a minute after the other comes. */
class Life {
  readonly told: string[] = [];
  state: LifeState = beginLife(0);
  private readonly settings: LifeSettings;

  constructor(settings: Partial<LifeSettings> = {}) {
    this.settings = { ...PLAIN, ...settings };
  }

  /** `!` breach, `.` clear, `~` neither, a blank: nothing; from `minute` on. */
  see(minutes: string, minute = 0): this {
    for (const [index, sign] of [...minutes].entries()) {
      if (sign === " ") continue;
      this.note(takeSample(this.state, this.settings, this.sample(minute + index, sign)));
    }
    return this;
  }

  early(minute: number): this {
    return this.note(takeEarly(this.state, this.settings, this.sample(minute, "!")));
  }

  correct(minute: number, since = minute): this {
    const sample = this.sample(minute, "!");
    return this.note(takeCorrection(this.state, this.settings, sample, since * MINUTE));
  }

  pass(minute: number): this {
    return this.note(passTime(this.state, this.settings, minute * MINUTE - 1));
  }

  get dueMinute(): number | undefined {
    const dueMs = lifeDueMs(this.state, this.settings);
    return dueMs === undefined ? undefined : dueMs / MINUTE;
  }

  private sample(minute: number, sign: string) {
    const [fromMs, toMs] = [minute * MINUTE, (minute + 1) * MINUTE];
    return { fromMs, toMs, isBreach: sign === "!", isClear: sign === "." };
  }

  private note(step: LifeStep): this {
    for (const { kind, atMs, sinceMs, reason, isLate } of step.transitions) {
      const why = reason === "silence" ? " silence" : "";
      this.told.push(
        `${atMs / MINUTE} ${kind} since ${sinceMs / MINUTE}${why}${isLate ? " late" : ""}`,
      );
    }
    this.state = step.state;
    return this;
  }
}

describe("an alert without `for`", () => {
  it("fires at the end of the first window and resolves at the end of the first clear one", () => {
    expect(new Life().see("..!!!..").told).toEqual(["3 fired since 2", "6 resolved since 2"]);
  });

  it("fires again when it comes again", () => {
    expect(new Life().see("!.!.").told).toEqual([
      "1 fired since 0",
      "2 resolved since 0",
      "3 fired since 2",
      "4 resolved since 2",
    ]);
  });

  it("takes no window twice and none out of order", () => {
    expect(new Life().see("!").see("!..").told).toEqual(["1 fired since 0", "2 resolved since 0"]);
  });
});

describe("an alert with `for`", () => {
  it("is pending until it held that long", () => {
    const life = new Life({ forMs: 3 * MINUTE }).see("!!!");
    expect(life.told).toEqual(["1 pending since 0", "3 fired since 0"]);
  });

  it("lapses when it held for less", () => {
    const life = new Life({ forMs: 3 * MINUTE }).see("!!.");
    expect(life.told).toEqual(["1 pending since 0", "3 lapsed since 0"]);
  });

  it("goes on over windows without requests, but not over silence", () => {
    const gaps = new Life({ forMs: 3 * MINUTE }).see("!  !");
    expect(gaps.told).toEqual(["1 pending since 0", "4 fired since 0"]);
    const silence = new Life({ forMs: 3 * MINUTE }).see("!").see("!", 7);
    expect(silence.told).toEqual([
      "1 pending since 0",
      "6 lapsed since 0 silence",
      "8 pending since 7",
    ]);
  });
});

describe("an alert that fires", () => {
  it("resolves only when it was clear for long enough, without a break", () => {
    const life = new Life({ resolveForMs: 2 * MINUTE }).see("!.~.!..");
    expect(life.told).toEqual(["1 fired since 0", "7 resolved since 0"]);
  });

  it("stays while it is neither a breach nor clear", () => {
    expect(new Life().see("!~~~").told).toEqual(["1 fired since 0"]);
  });

  it("is over after silence, at the same time whether or not anybody looked in between", () => {
    const told = ["1 fired since 0", "6 resolved since 0 silence", "10 fired since 9"];
    expect(new Life().see("!").pass(5).pass(7).see("!", 9).told).toEqual(told);
    expect(new Life().see("!").see("!", 9).told).toEqual(told);
  });

  it("cools down, and fires then when it still is so", () => {
    const life = new Life({ cooldownMs: 2 * MINUTE }).see("!.!!!");
    expect(life.told).toEqual(["1 fired since 0", "2 resolved since 0", "5 fired since 4"]);
  });
});

describe("a window that is not over", () => {
  it("fires early, and the final window does not fire again", () => {
    const life = new Life().see(".").early(1).early(1).see("!.", 1);
    expect(life.told).toEqual(["2 fired since 1", "3 resolved since 1"]);
  });

  it("counts only for what `for` still lacks", () => {
    expect(new Life({ forMs: 2 * MINUTE }).early(0).told).toEqual([]);
    const life = new Life({ forMs: 2 * MINUTE }).see("!").early(1);
    expect(life.told).toEqual(["1 pending since 0", "2 fired since 0"]);
  });

  it("does not stand for those before it that are not over either", () => {
    const life = new Life({ forMs: 3 * MINUTE }).see("!").early(2);
    expect(life.told).toEqual(["1 pending since 0"]);
    expect(life.see(".!", 1).told).toEqual([
      "1 pending since 0",
      "2 lapsed since 0",
      "3 pending since 2",
    ]);
  });
});

describe("a correction", () => {
  it("fires late what never fired, and resolves with the next window", () => {
    const life = new Life().see("...").correct(1).see(".", 3);
    expect(life.told).toEqual(["2 fired since 1 late", "4 resolved since 1"]);
  });

  it("takes the place of what was pending, which lapses", () => {
    const life = new Life({ forMs: 4 * MINUTE }).see("!!.!").correct(3, 0);
    expect(life.told.slice(2)).toEqual([
      "4 pending since 3",
      "4 lapsed since 3",
      "4 fired since 0 late",
    ]);
  });

  it("never fires what has fired, nor while something fires (WIN-02)", () => {
    const told = ["1 fired since 0", "2 resolved since 0"];
    expect(new Life().see("!..").correct(0).told).toEqual(told);
    expect(new Life().see(".!").correct(0).told).toEqual(["2 fired since 1"]);
  });

  it("fires nothing so old that nobody remembers whether it fired", () => {
    const life = new Life().see("!.".repeat(EPISODE_COUNT_MAX + 1));
    const count = life.told.length;
    expect(life.correct(0).told).toHaveLength(count);
  });
});

describe("a rule about silence", () => {
  const settings = { missingMs: 10 * MINUTE, staleAfterMs: 100 * MINUTE };

  it("fires once after it, and resolves with the next window", () => {
    const life = new Life(settings).see("..").pass(11).pass(12).pass(13);
    expect(life.told).toEqual(["12 fired since 2"]);
    expect(life.see(".", 20).told).toEqual(["12 fired since 2", "21 resolved since 2"]);
  });

  it("forgets at last what never comes back, and does not fire again for it", () => {
    const life = new Life(settings).see(".").pass(500);
    expect(life.told).toEqual(["11 fired since 1", "101 resolved since 1 silence"]);
    expect(life.dueMinute).toBeUndefined();
    expect(life.see(".", 600).dueMinute).toBe(611);
  });
});
