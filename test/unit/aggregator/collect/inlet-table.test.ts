import { describe, expect, it } from "vitest";
import { LETTERS_KEPT, REQUESTS_KEPT } from "../../../../aggregator/collect/inlet-table.ts";
import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import { StageOne } from "../../../../aggregator/collect/stage-one.ts";
import type { InletEntry } from "../../../../aggregator/log/inlet-entry.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readCollectRow } from "../../../../aggregator/state/read-agents.ts";
import {
  readInlet,
  readLetters,
  readLettersAfter,
} from "../../../../aggregator/state/read-inlets.ts";
import { present } from "../../../../shared/assert.ts";
import { logRecord, TEN_MS } from "./sample-agent.ts";
import { counted, INLET, rangeEntry, recordAt, requestEntry } from "./sample-records.ts";

/** Stage 1 of one partition over a store, each entry committed. */
class Collector {
  readonly store = new MemoryStore();
  private stage = new StageOne(this.store, 1, WATERMARK_DEFAULTS);
  private position = 0;

  async apply(entry: InletEntry, nowMs = TEN_MS): Promise<string> {
    const result = this.stage.apply(logRecord(this.position++, nowMs, entry));
    const { early, last } = this.stage.flush();
    await this.store.commit([...early, ...last]);
    return result.kind === "inlet" ? `${result.verdict} ${result.position}` : result.kind;
  }

  /** Applies an entry of which only what may be committed early is, before a crash. */
  async applyHalf(entry: InletEntry): Promise<void> {
    this.stage.apply(logRecord(this.position, TEN_MS, entry));
    await this.store.commit(this.stage.flush().early);
    this.restart();
  }

  restart(): void {
    this.stage = new StageOne(this.store, 1, WATERMARK_DEFAULTS);
  }

  get row() {
    return present(readInlet(this.store, INLET), "the inlet's row");
  }

  get lines(): number {
    return readCollectRow(this.store).receivedLines;
  }
}

const records = (count: number) => Array.from({ length: count }, () => recordAt(TEN_MS));

describe("an inlet of a range of positions", () => {
  it("counts what goes on where it is, from wherever it began", async () => {
    const collector = new Collector();
    expect(await collector.apply(rangeEntry(100, []))).toBe("applied 100");
    expect(await collector.apply(rangeEntry(100, records(3)))).toBe("applied 103");
    expect(await collector.apply(rangeEntry(103, records(2)))).toBe("applied 105");
    expect(collector.lines).toBe(5);
    expect(collector.row).toMatchObject({ position: 105, counters: { applied: 3, records: 5 } });
  });

  it("counts nothing that comes again, also after a restart", async () => {
    const collector = new Collector();
    await collector.apply(rangeEntry(0, records(3)));
    expect(await collector.apply(rangeEntry(0, records(3)))).toBe("duplicate 3");
    collector.restart();
    expect(await collector.apply(rangeEntry(1, records(2)))).toBe("duplicate 3");
    expect(collector.lines).toBe(3);
    expect(collector.row.counters.duplicate).toBe(2);
  });

  it("sends a reader back that left something out, or overlaps", async () => {
    const collector = new Collector();
    await collector.apply(rangeEntry(0, records(3)));
    expect(await collector.apply(rangeEntry(5, records(2)))).toBe("rewind 3");
    expect(await collector.apply(rangeEntry(2, records(2)))).toBe("rewind 3");
    expect(collector.lines).toBe(3);
    expect(collector.row.counters.rewound).toBe(2);
  });

  it("keeps inlets of one source apart", async () => {
    const collector = new Collector();
    await collector.apply(rangeEntry(0, records(3)));
    const other = { ...INLET, place: "orders/1" };
    expect(await collector.apply(rangeEntry(0, records(1), other))).toBe("applied 1");
    expect(collector.row.position).toBe(3);
  });

  it("moves the watermark like a source of an agent, and holds it back no longer than that", async () => {
    const collector = new Collector();
    await collector.apply(rangeEntry(0, [recordAt(TEN_MS)]));
    expect(readCollectRow(collector.store).watermarkMs).toBe(TEN_MS - 10_001);
    const other = { ...INLET, place: "orders/1" };
    await collector.apply(rangeEntry(0, [recordAt(TEN_MS + 29_000)], other), TEN_MS + 29_000);
    expect(readCollectRow(collector.store).watermarkMs).toBe(TEN_MS - 10_001);
    await collector.apply(rangeEntry(1, [recordAt(TEN_MS + 31_000)], other), TEN_MS + 31_000);
    expect(readCollectRow(collector.store).watermarkMs).toBe(TEN_MS + 31_000 - 10_001);
  });

  it("is waited for when it has a backlog of which nothing was read, no longer than idle_after", async () => {
    const collector = new Collector();
    const other = { ...INLET, place: "orders/1" };
    await collector.apply(rangeEntry(0, []));
    await collector.apply(rangeEntry(0, [recordAt(TEN_MS)], other), TEN_MS + 1_000);
    expect(readCollectRow(collector.store).watermarkMs).toBeUndefined();
    await collector.apply(rangeEntry(0, [recordAt(TEN_MS - 5_000)]), TEN_MS + 2_000);
    expect(readCollectRow(collector.store).watermarkMs).toBe(TEN_MS - 15_001);

    const late = new Collector();
    await late.apply(rangeEntry(0, []));
    await late.apply(rangeEntry(0, [recordAt(TEN_MS)], other), TEN_MS + 30_000);
    expect(readCollectRow(late.store).watermarkMs).toBe(TEN_MS - 10_001);
  });

  it("keeps a ledger, and the newest of its dead letters", async () => {
    const collector = new Collector();
    const bad = Array.from({ length: 600 }, (_, index) => `bad ${index}`);
    await collector.apply(rangeEntry(0, [recordAt(TEN_MS), ...bad]));
    await collector.apply(rangeEntry(601, bad));
    expect(collector.row).toMatchObject({ letterCount: LETTERS_KEPT, letterTotal: 1_200 });
    expect(collector.row.ledger).toMatchObject([
      { kind: "aggregated", reason: "", lines: 1 },
      { kind: "rejected", reason: "not_json", lines: 1_200 },
    ]);
    const letters = readLetters(collector.store, collector.row, 5_000);
    expect(letters).toHaveLength(LETTERS_KEPT);
    expect(letters[0]).toMatchObject({ position: 1_200, reason: "not_json" });
    expect(letters.at(-1)).toMatchObject({ position: 201, value: Buffer.from("bad 200") });
  });
});

describe("dead letters of an inlet", () => {
  /** The entry that settles letters with these numbers; the records are what they are counted as. */
  function lettersEntry(numbers: readonly number[], isCounted = true): InletEntry {
    const settled = numbers.map((number) => ({ number, reason: "not_json", bytes: 3 }));
    const { batch } = counted(isCounted ? records(numbers.length) : []);
    return {
      ...{ kind: "inlet", ...INLET, batch, letters: [] },
      records: { kind: "letters", isCounted, settled },
    };
  }
  const numbersOf = ({ store }: Collector) =>
    readLettersAfter(store, INLET, -1, 5_000).map(({ number }) => number);
  const ledgerOf = ({ row }: Collector) =>
    row.ledger.map(({ kind, lines, bytes }) => [kind, lines, kind === "rejected" ? bytes : 0]);

  async function withLetters(count: number): Promise<Collector> {
    const collector = new Collector();
    const bad = Array.from({ length: count }, () => "bad");
    await collector.apply(rangeEntry(0, [recordAt(TEN_MS), ...bad]));
    return collector;
  }

  it("are counted once, move nothing but their counts, and are then gone", async () => {
    const collector = await withLetters(4);
    const before = collector.row;
    expect(await collector.apply(lettersEntry([1, 3]))).toBe("applied 5");
    expect(numbersOf(collector)).toEqual([0, 2]);
    expect(ledgerOf(collector)).toEqual([
      ["aggregated", 3, 0],
      ["rejected", 2, 6],
    ]);
    expect(collector.row).toMatchObject({ letterCount: 2, letterTotal: 4, position: 5 });
    expect(collector.row.sources).toEqual(before.sources);
    // Who asks again, also together with others, changes nothing.
    expect(await collector.apply(lettersEntry([1, 3]))).toBe("duplicate 5");
    collector.restart();
    expect(await collector.apply(lettersEntry([0, 3]))).toBe("duplicate 5");
    expect(await collector.apply(lettersEntry([0, 0]))).toBe("duplicate 5");
    expect(await collector.apply(lettersEntry([]))).toBe("duplicate 5");
    expect(collector.lines).toBe(3);
  });

  it("are counted once also when a crash comes between the parts of a commit", async () => {
    const collector = await withLetters(2);
    await collector.applyHalf(lettersEntry([0, 1]));
    expect(numbersOf(collector)).toEqual([0, 1]);
    expect(await collector.apply(lettersEntry([0, 1]))).toBe("applied 3");
    expect(collector.lines).toBe(3);
  });

  it("stay rejected in the ledger when they are dropped", async () => {
    const collector = await withLetters(3);
    expect(await collector.apply(lettersEntry([0, 1, 2], false))).toBe("applied 4");
    expect(numbersOf(collector)).toEqual([]);
    expect(ledgerOf(collector)).toEqual([
      ["aggregated", 1, 0],
      ["rejected", 3, 9],
    ]);
  });

  it("make room by number, so that what is gone needs none, and none is settled that is no longer kept", async () => {
    const collector = await withLetters(LETTERS_KEPT);
    await collector.apply(lettersEntry([0, 2], false));
    expect(await collector.apply(rangeEntry(LETTERS_KEPT + 1, ["bad", "bad"]))).toMatch(/^applied/);
    // 0 was gone, 1 had to go, 2 is gone.
    expect(numbersOf(collector)[0]).toBe(3);
    expect(collector.row).toMatchObject({
      letterCount: LETTERS_KEPT - 1,
      settledLetters: [2],
    });
    expect(await collector.apply(lettersEntry([1]))).toMatch(/^duplicate/);
    await collector.apply(rangeEntry(LETTERS_KEPT + 3, ["bad"]));
    expect(collector.row).toMatchObject({ letterCount: LETTERS_KEPT, settledLetters: [] });
    expect(numbersOf(collector)).toHaveLength(LETTERS_KEPT);
  });

  it("of an inlet that is not there are nobody's", async () => {
    expect(await new Collector().apply(lettersEntry([0]))).toBe("duplicate 0");
  });
});

describe("an inlet of requests", () => {
  const [one, two] = ["11".repeat(16), "22".repeat(16)];

  it("counts a request with a key once, and says when the key is that of another", async () => {
    const collector = new Collector();
    expect(await collector.apply(requestEntry("k", one, records(2)))).toBe("applied 1");
    expect(await collector.apply(requestEntry("k", one, records(2)))).toBe("duplicate 1");
    collector.restart();
    expect(await collector.apply(requestEntry("k", one, records(2)))).toBe("duplicate 1");
    expect(await collector.apply(requestEntry("k", two, records(3)))).toBe("conflict 1");
    expect(collector.lines).toBe(2);
  });

  it("counts every request without a key", async () => {
    const collector = new Collector();
    await collector.apply(requestEntry("", one, records(2)));
    expect(await collector.apply(requestEntry("", one, records(2)))).toBe("applied 0");
    expect(collector.lines).toBe(4);
  });

  it("forgets the oldest key when it knows too many", async () => {
    const store = new MemoryStore();
    const stage = new StageOne(store, 1, WATERMARK_DEFAULTS);
    const verdictOf = (key: string, position: number) => {
      const result = stage.apply(logRecord(position, TEN_MS, requestEntry(key, one, [])));
      return result.kind === "inlet" ? result.verdict : undefined;
    };
    for (let index = 0; index < REQUESTS_KEPT; index++) verdictOf(`k${index}`, index);
    expect(verdictOf("k0", REQUESTS_KEPT)).toBe("duplicate");
    expect(verdictOf("new", REQUESTS_KEPT + 1)).toBe("applied");
    expect(verdictOf("k0", REQUESTS_KEPT + 2)).toBe("applied");
    expect(verdictOf("k2", REQUESTS_KEPT + 3)).toBe("duplicate");
  });
});
