import { describe, expect, it } from "vitest";
import type { Pattern } from "../../../../aggregator/cep/pattern.ts";
import { SkipMissError } from "../../../../aggregator/cep/skip-strategy.ts";
import { eventsOf, operatorOf, run } from "./sample-patterns.ts";

const aThenB: Pattern = {
  key: "key",
  within: 10,
  stages: [
    { name: "a", where: "type == 'A'" },
    { name: "b", contiguity: "followedBy", where: "type == 'B'" },
  ],
};

describe("an operator", () => {
  it("puts events in order before it looks at them", () => {
    const operator = operatorOf(aThenB);
    for (const event of eventsOf("B@3 A@2 A@5 B@4")) expect(operator.add(event)).toBe(true);
    expect(run(operator, [])).toEqual(["match k1 @3 a=1 b=0", "timeout k1 @15 a=2"]);
  });

  it("drops and counts what comes at or behind the watermark", () => {
    const operator = operatorOf(aThenB);
    operator.advance(5, () => expect.unreachable());
    expect(eventsOf("A@5 A@6").map((event) => operator.add(event))).toEqual([false, true]);
    expect(operator.lateCount).toBe(1);
    operator.advance(4, () => expect.unreachable());
    expect(operator.watermarkMs).toBe(5);
  });

  it("keeps keys apart, and lets time pass for those to which nothing comes", () => {
    const events = eventsOf("A@0:k1 A@1:k2 B@2:k2 X@10:k3 B@11:k1");
    expect(run(operatorOf(aThenB), events)).toEqual(["match k2 @2 a=1 b=2", "timeout k1 @10 a=0"]);
  });

  it("has no use for events without the key of the pattern", () => {
    const operator = operatorOf({ ...aThenB, key: "userId" });
    expect(run(operator, eventsOf("A@0 B@1"))).toEqual([]);
    expect(operator.keylessCount).toBe(2);
  });

  it("has one state for all events when the pattern has no key", () => {
    const { key: _, ...keyless } = aThenB;
    expect(run(operatorOf(keyless), eventsOf("A@0:k1 B@1:k2"))).toEqual(["match  @1 a=0 b=1"]);
  });

  it("forgets keys that wait for nothing", () => {
    const operator = operatorOf(aThenB);
    for (const event of eventsOf("A@0:k1 B@1:k1 X@1:k2 A@5:k3 X@20:k4")) operator.add(event);
    operator.advance(6, () => undefined);
    expect([...operator.keys.keys()]).toEqual(["k3"]);
    operator.advance(20, () => undefined);
    expect(operator.keyCount).toBe(0);
  });

  it("says what it found before a rule fails, earliest key first", () => {
    const operator = operatorOf({
      key: "key",
      skip: "skipToFirst",
      skipStage: "b",
      skipThrowOnMiss: true,
      stages: [
        { name: "a", where: "type == 'A'" },
        { name: "b", contiguity: "next", where: "type == 'B'", optional: true },
        { name: "c", contiguity: "next", where: "type == 'C'" },
      ],
    });
    for (const event of eventsOf("A@0:k2 B@1:k2 A@1:k1 C@2:k1 C@3:k2")) operator.add(event);
    const found: unknown[] = [];
    expect(() => operator.advance(9, ({ key }) => found.push(key))).toThrow(SkipMissError);
    expect(found).toEqual(["k2"]);
  });
});

describe("the bounds of a key", () => {
  const loop: Pattern = {
    stages: [
      { name: "a", where: "type == 'A'" },
      { name: "b", contiguity: "followedByAny", where: "type == 'B'" },
    ],
  };
  const events = eventsOf("A@0 A@1 A@2 A@3 B@4");

  it("drop the partial matches with the oldest first events", () => {
    const operator = operatorOf(loop, {
      partialsMax: 2,
      eventsMax: 100,
      ageMsMax: Number.POSITIVE_INFINITY,
    });
    expect(run(operator, events)).toEqual(["match  @4 a=2 b=4", "match  @4 a=3 b=4"]);
    expect(operator.matcher.droppedCount).toBe(2);
    expect(operator.takeDrops()).toEqual([
      { key: null, reason: "partials_max", count: 2, fromMs: 0, toMs: 1 },
    ]);
    expect(operator.takeDrops()).toEqual([]);
  });

  it("are told for each key, and touch no other", () => {
    const limits = { partialsMax: 1, eventsMax: 100, ageMsMax: Number.POSITIVE_INFINITY };
    const operator = operatorOf({ ...loop, key: "key" }, limits);
    const found = run(operator, eventsOf("A@0:k1 A@1:k2 A@2:k2 B@3:k1 B@4:k2"));
    expect(found).toEqual(["match k1 @3 a=0 b=3", "match k2 @4 a=2 b=4"]);
    expect(operator.takeDrops()).toEqual([
      { key: "k2", reason: "partials_max", count: 1, fromMs: 1, toMs: 1 },
    ]);
  });

  it("count matches that wait too, and let them out when what they wait for is dropped", () => {
    const waiting: Pattern = {
      skip: "skipToNext",
      stages: [
        { name: "a", where: "type == 'A'" },
        { name: "b", contiguity: "followedBy", where: "type == 'B' && ts < first(a.ts) + 3" },
      ],
    };
    const events = eventsOf("A@0 A@10 B@11 A@20 B@21 A@30 B@31");
    expect(run(operatorOf(waiting), events)).toEqual([]);
    const limits = { partialsMax: 3, eventsMax: 100, ageMsMax: Number.POSITIVE_INFINITY };
    const operator = operatorOf(waiting, limits);
    expect(run(operator, events)).toEqual([
      "match  @30 a=1 b=2",
      "match  @30 a=3 b=4",
      "match  @31 a=5 b=6",
    ]);
    expect(operator.takeDrops()).toMatchObject([{ reason: "partials_max", count: 1, fromMs: 0 }]);
  });

  it("hold for events too", () => {
    const operator = operatorOf(loop, {
      partialsMax: 100,
      eventsMax: 3,
      ageMsMax: Number.POSITIVE_INFINITY,
    });
    expect(run(operator, events)).toHaveLength(3);
    expect(operator.takeDrops()).toMatchObject([{ reason: "events_max", count: 1 }]);
  });

  it("end partial matches without a time limit at an age, silently but counted", () => {
    const operator = operatorOf(loop, { partialsMax: 100, eventsMax: 100, ageMsMax: 3 });
    expect(run(operator, events)).toHaveLength(2);
    expect(operator.takeDrops()).toMatchObject([
      { reason: "age_max", count: 4, fromMs: 0, toMs: 3 },
    ]);
  });
});
