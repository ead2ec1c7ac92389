import { describe, expect, it } from "vitest";
import { TEN_MS } from "../collect/sample-agent.ts";
import { alertsOf, event, eventOf, SILENCE, told } from "./sample-events.ts";

import { DAY_MS, Rules } from "./sample-rules.ts";

describe("a bound of a rule", () => {
  /** Waits for what never comes, without a time limit. */
  const OPEN = SILENCE.replace("within: 1m\n", "").replace(
    'notFollowedBy, where: "amount > 0" }',
    `followedBy, where: "type == 'NEVER'" }`,
  );
  const logins = (user: string, from: number, count: number) =>
    Array.from({ length: count }, (_, index) =>
      eventOf(user, event(from + index, (from + index) / 100, { type: "LOGIN" })),
    );

  it("that is hit is in the ledger to the last drop, and raises one alert an hour", async () => {
    const rules = new Rules(OPEN);
    await rules.take(logins("ann", 0, 1_003), 11);
    expect(rules.drops()).toEqual([
      {
        ...{ tenant: "", rule: "silence", reason: "partials_max", count: 3, alertedCount: 1 },
        ...{ fromMs: TEN_MS, toMs: TEN_MS + 20, lastMs: TEN_MS + 10_020, lastKey: "ann" },
        quietUntilMs: TEN_MS + 10_000 + 3_600_000,
      },
    ]);
    await rules.take(logins("bob", 2_000, 1_010), 40);
    await rules.take(logins("ann", 400_000, 2), 5_000);
    expect(rules.drops()).toMatchObject([{ count: 15, alertedCount: 14, lastKey: "ann" }]);
    const alerts = alertsOf(rules.store);
    expect(told(alerts)).toEqual([
      "10 Rule silence dropped 1 partial match of ann: more than 1000 partial matches at once. Matches may be missing.",
      "4000 Rule silence dropped 1 partial match of ann: more than 1000 partial matches at once. Matches may be missing.",
    ]);
    expect(JSON.parse(alerts[1]?.json ?? "")).toMatchObject({
      ...{ alertType: "RULE_LIMIT", severity: "warning", user: "ann" },
      details: {
        ...{ rule: "silence", kind: "limit", reason: "partials_max", key: "ann" },
        ...{ dropped: 1, droppedSinceLastAlert: 13, droppedTotal: 14 },
      },
    });
  });

  it("is told the same, with the same id, whatever the batches and restarts between", async () => {
    const events = [...logins("ann", 0, 1_005), ...logins("bob", 2_000, 1_001)];
    const run = async (size: number) => {
      const rules = new Rules(OPEN);
      for (let at = 0; at < events.length; at += size) {
        await rules.take(events.slice(at, at + size), (events[at]?.event.offset ?? 0) / 10_000 - 1);
        rules.restart();
      }
      await rules.take([], 60);
      await rules.keepHouse();
      return { alerts: alertsOf(rules.store), drops: rules.drops() };
    };
    const once = await run(10_000);
    expect(once.drops).toMatchObject([{ count: 6, lastKey: "bob" }]);
    expect(await run(97)).toEqual(once);
  });

  it("on age is hit at the moment itself, however far the watermark leaps, and survives a changed pattern", async () => {
    const rules = new Rules(OPEN);
    await rules.take(logins("ann", 0, 2), 1);
    await rules.take([], 31 * 86_400);
    await rules.keepHouse();
    const thirtyDays = 30 * DAY_MS;
    expect(rules.drops()).toMatchObject([
      { reason: "age_max", count: 2, fromMs: TEN_MS, toMs: TEN_MS + 10, alertedCount: 2 },
    ]);
    expect(rules.drops()[0]?.quietUntilMs).toBe(TEN_MS + thirtyDays + 3_600_000);
    rules.use(OPEN.replace("NEVER", "EVER"));
    await rules.keepHouse();
    expect(rules.drops()).toHaveLength(1);
  });
});
