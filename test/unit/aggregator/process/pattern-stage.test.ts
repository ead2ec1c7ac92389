import { describe, expect, it } from "vitest";
import { readLate } from "../../../../aggregator/state/late-row.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed, keysOf } from "./sample-deltas.ts";
import { alertsOf, CROWD, event, eventOf, FRAUD, SILENCE } from "./sample-events.ts";

import { Rules } from "./sample-rules.ts";

const pay = (user: string, index: number, seconds: number, amount: number) =>
  eventOf(user, event(index, seconds, { amount }));

describe("an event", () => {
  it("waits for the watermark, and is taken in the order of time then", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([pay("ann", 2, 20, 60)]);
    await rules.take([pay("ann", 1, 10, 200)], 19);
    expect(rules.told).toEqual([]);
    expect(keysOf(rules.store, "waiting")).toHaveLength(1);
    await rules.take([], 20);
    expect(rules.told).toEqual(["20 ann paid 200 and 60"]);
    expect(keysOf(rules.store, "waiting")).toEqual([]);
  });

  it("of the same time is taken by its place in its file", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([pay("ann", 2, 10, 60), pay("ann", 1, 10, 200)], 10);
    await rules.take([pay("bob", 2, 20, 200), pay("bob", 1, 20, 60)], 20);
    expect(rules.told).toEqual(["10 ann paid 200 and 60"]);
  });

  it("behind the watermark is dropped, counted and kept", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([], 15);
    await rules.take([pay("ann", 1, 15, 200), pay("ann", 2, 16, 60)], 60);
    expect(rules.told).toEqual([]);
    expect(rules.counters("fraud")).toMatchObject({ late: 1, alerts: 0 });
    expect([...readLate(rules.store, Number.POSITIVE_INFINITY)]).toMatchObject([
      {
        number: 0,
        row: {
          ...{ key: "ann", timeMs: TEN_MS + 15_000, fields: { amount: 200 }, rules: ["fraud"] },
          watermarkMs: TEN_MS + 15_000,
        },
      },
    ]);
  });

  it("that begins nothing leaves no trace", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([pay("ann", 1, 10, 5), pay("bob", 3, 10, 500)], 20);
    expect(keysOf(rules.store, "rule-key")).toHaveLength(1);
    expect(rules.counters("fraud")).toMatchObject({ keys: 1, partials: 1 });
    await rules.take([pay("bob", 4, 30, 5)], 40);
    expect(keysOf(rules.store, "rule-key")).toEqual([]);
    expect(keysOf(rules.store, "rule-timer")).toEqual([]);
    expect(rules.counters("fraud")).toMatchObject({ keys: 0, partials: 0 });
  });

  it("goes to every rule of its stream and field, and those without a field see all together", async () => {
    const rules = new Rules(FRAUD, CROWD);
    const events = [pay("ann", 1, 10, 200), pay("ann", 2, 11, 60), pay("bob", 3, 12, 7)];
    const together = events.map((one) => ({ ...one, keyField: undefined, key: null }));
    await rules.take([...together, ...events], 20);
    expect(rules.told.toSorted()).toEqual(["11 ann paid 200 and 60", "12 267 paid"]);
  });
});

describe("a partial match", () => {
  it("goes on after a restart", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([pay("ann", 1, 10, 200)], 15);
    rules.restart();
    await rules.take([pay("ann", 2, 20, 60)], 20);
    expect(rules.told).toEqual(["20 ann paid 200 and 60"]);
  });

  it("ends when the watermark passes its time, to the millisecond", async () => {
    const rules = new Rules(FRAUD, SILENCE);
    const login = eventOf("ann", event(1, 10, { type: "LOGIN" }));
    await rules.take([login, pay("bob", 2, 10, 200)], 69.999);
    expect(rules.told).toEqual([]);
    rules.restart();
    await rules.take([], 200);
    expect(rules.told).toEqual(["70 ann went away"]);
    expect(rules.counters("fraud")).toMatchObject({ keys: 1 });
    await rules.take([], 310);
    expect(rules.counters("fraud")).toMatchObject({ keys: 0, partials: 0 });
    expect(keysOf(rules.store, "rule-timer")).toEqual([]);
  });

  it("survives a change of everything but the pattern, and is dropped by a change of that", async () => {
    const rules = new Rules(FRAUD, SILENCE);
    await rules.take([pay("ann", 1, 10, 200)], 15);
    rules.use(FRAUD.replace("critical", "info").replace("{{key}} paid", "{{key}} spent"));
    await rules.take([pay("ann", 2, 20, 60), pay("bob", 3, 20, 200)], 20);
    expect(rules.told).toEqual(["20 ann spent 200 and 60"]);
    rules.use(FRAUD.replace("amount > 50", "amount > 40"));
    rules.see(20);
    await rules.take([], 25);
    await rules.keepHouse();
    expect(keysOf(rules.store, "rule-key")).toEqual([]);
    expect(keysOf(rules.store, "rule-timer")).toEqual([]);
    await rules.take([pay("bob", 4, 30, 60)], 40);
    expect(rules.told).toHaveLength(1);
    expect(keysOf(rules.store, "rule")).toHaveLength(1);
  });
});

describe("a new rule", () => {
  it("waits until all agents send what it needs, and begins behind where the last one switched", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([], 5);
    rules.useSelecting("b", FRAUD, SILENCE);
    rules.see(6, undefined);
    await rules.take([eventOf("ann", event(1, 10, { type: "LOGIN" }))], undefined);
    await rules.keepHouse();
    rules.see(100, "b", TEN_MS + 150_000);
    await rules.take([
      eventOf("bob", event(2, 150, { type: "LOGIN" })),
      eventOf("eve", event(3, 151, { type: "LOGIN" })),
    ]);
    rules.see(400, "b", TEN_MS + 150_000);
    await rules.take([]);
    await rules.keepHouse();
    expect(rules.told).toEqual(["211 eve went away"]);
  });

  it("that is the first sees all from the beginning", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([pay("ann", 1, -5_000, 200), pay("ann", 2, -4_990, 60)], 0);
    expect(rules.told).toEqual(["-4990 ann paid 200 and 60"]);
  });
});

describe("a rule that fails", () => {
  it("begins anew with that value of its key, counted; the others go on", async () => {
    const skip = "skip: skipToFirst\nskipStage: first\nskipThrowOnMiss: true";
    const rules = new Rules(FRAUD.replace("within: 5m", `within: 5m\n${skip}`));
    await rules.take([pay("ann", 1, 10, 200), pay("bob", 3, 10, 200)], 15);
    await rules.take([pay("ann", 2, 20, 60)], 20);
    expect(rules.counters("fraud")).toMatchObject({ failed: 1, keys: 1, partials: 1 });
    expect(rules.drops()).toMatchObject([{ reason: "skip_missed", count: 1, lastKey: "ann" }]);
    expect(rules.told).toHaveLength(1);
  });
});

describe("an alert", () => {
  it("says whom it is about, what was found, and is the same for the same events", async () => {
    const run = async () => {
      const rules = new Rules(FRAUD);
      await rules.take([pay("ann", 1, 10, 200), pay("ann", 2, 20, 60)], 20);
      return alertsOf(rules.store);
    };
    const [alert] = await run();
    expect(await run()).toEqual([alert]);
    expect(JSON.parse(alert?.json ?? "")).toEqual({
      id: alert?.id,
      alertType: "FRAUD_SUSPICION",
      user: "ann",
      message: "ann paid 200 and 60",
      timestamp: "2026-11-20T10:00:20.000Z",
      severity: "critical",
      details: expect.objectContaining({
        rule: "fraud",
        key: "ann",
        durationMs: 10_000,
        firstEvent: "2026-11-20T10:00:10.000Z",
      }),
    });
    expect(alert?.id).toMatch(/^[0-9a-f]{32}$/);
  });

  it("raises no further one of its key within the cooldown", async () => {
    const rules = new Rules(FRAUD.replace("severity:", "cooldown: 1m, severity:"));
    const events = [10, 20, 69, 80, 90].flatMap((at, index) => [
      pay("ann", 3 * index, at, 200),
      pay("ann", 3 * index + 1, at + 1, 60),
      pay("ann", 3 * index + 2, at + 2, 1),
    ]);
    await rules.take(events.slice(0, 6), 30);
    rules.restart();
    await rules.take(events.slice(6), 1_000);
    await rules.keepHouse();
    // The one at 71 s came exactly a minute after that at 11 s.
    expect(rules.told.map((text) => text.split(" ")[0])).toEqual(["11", "81"]);
    expect(rules.counters("fraud")).toMatchObject({ alerts: 2, cooledDown: 3, keys: 0 });
  });

  it("is incomplete when events were shed within its match, or is not raised at all", async () => {
    const suppressing = FRAUD.replace("name: fraud", "name: strict\non_hole: suppress");
    const rules = new Rules(FRAUD, suppressing);
    rules.hole({ fromMs: 12_000, toMs: 13_000 });
    const events = ["ann", "bob"].flatMap((user, index) => [
      pay(user, 2 * index, 10 + 4 * index, 200),
      pay(user, 2 * index + 1, 11 + 4 * index, 60),
    ]);
    const across = [pay("eve", 8, 10, 200), pay("eve", 9, 12, 60)];
    await rules.take([...events, ...across], 30);
    const told = alertsOf(rules.store).map(({ rule, json }) => {
      const { user, incomplete } = JSON.parse(json);
      return `${rule} ${user} ${incomplete === true ? "incomplete" : "whole"}`;
    });
    expect(told.toSorted()).toEqual([
      "fraud ann whole",
      "fraud bob whole",
      "fraud eve incomplete",
      "strict ann whole",
      "strict bob whole",
    ]);
    expect(rules.counters("strict")).toMatchObject({ alerts: 2, suppressed: 1 });
  });

  it("is deleted when it is beyond the retention, with what points to it", async () => {
    const rules = new Rules(FRAUD);
    await rules.take([pay("ann", 1, 10, 200), pay("ann", 2, 20, 60)], 20 + 86_400);
    expect(rules.told).toHaveLength(1);
    rules.hole({ fromMs: 1, toMs: 2 });
    await rules.take([], 21 + 86_400);
    await rules.keepHouse();
    expect(["alert", "alert-time", "hole"].flatMap((kind) => keysOf(rules.store, kind))).toEqual(
      [],
    );
  });
});

describe("windows that become final", () => {
  const SLOW = `
name: slow
summary: A fast minute, and right after it a slow one.
stream: service-metrics
key: service
within: 10m
stages:
  - { name: fast, where: "responseTime < 200" }
  - { name: slow, contiguity: next, where: "responseTime > 500" }
alert: { type: SLOW, severity: info, message: "{{service}} slowed to {{first(slow.responseTime)}}" }
`;

  it("are events of their service, in the order of time, at their last millisecond", async () => {
    const rules = new Rules(SLOW);
    await rules.windows([
      [1, 2_000],
      [0, 100],
      [2, 2_000],
    ]);
    await rules.take([], 119.999);
    await rules.keepHouse();
    expect(rules.told).toEqual(["119.999 orders slowed to 1005"]);
    expect(alertsOf(rules.store).map(({ json }) => JSON.parse(json).service)).toEqual(["orders"]);
  });

  it("say so once: a correction is none, and one that begins too late is late (WIN-02)", async () => {
    const rules = new Rules(SLOW);
    await rules.windows([[1, 100]]);
    await rules.take([], 120);
    await rules.keepHouse();
    await rules.windows([
      [1, 5_000],
      [0, 100],
    ]);
    await rules.windows([[2, 100]]);
    await rules.take([], 600);
    await rules.keepHouse();
    expect(rules.told).toEqual([]);
    expect(rules.counters("slow")).toMatchObject({ late: 1 });
  });
});

describe("much at once", () => {
  it("of windows with long names, which all become final, fits into commits", async () => {
    const metrics = SILENCE.replace("business-events", "service-metrics").replace(
      "userId",
      "service",
    );
    const rules = new Rules(metrics);
    const services = Array.from({ length: 1_500 }, (_, index) => `${"ü".repeat(900)}${index}`);
    await rules.merge(services.map((service) => keyed(service, TEN)));
    await rules.take([], 60);
    await rules.keepHouse();
    expect(keysOf(rules.store, "waiting")).toEqual([]);
    expect(rules.commitCount).toBeGreaterThan(5);
  });

  it("is done over several commits, each within its limits", async () => {
    const rules = new Rules(FRAUD);
    const users = Array.from({ length: 9_000 }, (_, index) => `user-${index}`);
    await rules.take(
      users.map((user, index) => pay(user, index, 10, 200)),
      15,
    );
    await rules.keepHouse();
    expect(rules.counters("fraud")).toMatchObject({ keys: 9_000, partials: 9_000 });
    await rules.take(
      users.map((user, index) => pay(user, 10_000 + index, 20, 60)),
      30,
    );
    await rules.keepHouse();
    expect(rules.commitCount).toBeGreaterThan(6);
    expect(new Set(alertsOf(rules.store).map(({ id }) => id)).size).toBe(9_000);
    expect(keysOf(rules.store, "rule-key")).toHaveLength(0);
  });

  it("of one key is bounded, and what is dropped is counted", async () => {
    const rules = new Rules(SILENCE.replace("within: 1m", "within: 365d"));
    const logins = Array.from({ length: 1_500 }, (_, index) =>
      eventOf("ann", event(index, 10 + index / 1_000, { type: "LOGIN", text: "x".repeat(400) })),
    );
    await rules.take(logins, 30);
    await rules.keepHouse();
    const counters = rules.counters("silence");
    expect(counters?.dropped).toBeGreaterThan(400);
    expect((counters?.dropped ?? 0) + (counters?.partials ?? 0)).toBe(1_500);
    const byReason = rules.drops().reduce((sum, { count }) => sum + count, 0);
    expect(byReason).toBe(counters?.dropped);
    const [row] = [...rules.store.range("rule-key/", "rule-key0")].map(([, bytes]) => bytes.length);
    expect(row).toBeLessThan(260 * 1_024);
  });
});
