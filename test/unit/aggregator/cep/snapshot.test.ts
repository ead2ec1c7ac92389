import { describe, expect, it } from "vitest";
import type { Pattern } from "../../../../aggregator/cep/pattern.ts";
import { restoreSnapshot, takeSnapshot } from "../../../../aggregator/cep/snapshot.ts";
import { eventsOf, operatorOf, run } from "./sample-patterns.ts";

const pattern: Pattern = {
  key: "key",
  within: 10,
  stages: [
    { name: "a", where: "type == 'A'", times: { min: 1, max: null } },
    { name: "b", contiguity: "followedBy", where: "type == 'B'" },
  ],
};

describe("a snapshot", () => {
  const operator = operatorOf(pattern);
  const events = eventsOf("A@0 A@1 X@2 B@9 A@4:k2");
  for (const event of events) operator.add(event);
  operator.advance(2, () => expect.unreachable());
  const text = JSON.stringify(takeSnapshot(operator));

  it("is JSON that holds each shared event once", () => {
    const { version, watermarkMs, waiting, keys } = JSON.parse(text);
    expect({ version, watermarkMs }).toEqual({ version: 1, watermarkMs: 2 });
    expect(waiting.map(({ id }: { id: number }) => id)).toEqual([4, 3]);
    expect(keys).toHaveLength(1);
    expect(keys[0].events).toHaveLength(2);
    expect(keys[0].partials.length).toBeGreaterThan(3);
  });

  it("restored goes on as the original", () => {
    const restored = operatorOf(pattern);
    expect(restoreSnapshot(restored, JSON.parse(text))).toBe(true);
    expect(restored.watermarkMs).toBe(2);
    const expected = run(operator, []);
    expect(expected).toContain("match k1 @9 a=0,1 b=3");
    expect(run(restored, [])).toEqual(expected);
  });

  it("of a pattern that changed brings its events, not its partial matches", () => {
    const restored = operatorOf({ ...pattern, within: 11 });
    expect(restoreSnapshot(restored, JSON.parse(text))).toBe(false);
    expect(restored.keyCount).toBe(0);
    expect(run(restored, [])).toEqual(["timeout k2 @15 a=4"]);
  });

  it.each([
    ["of another version", '"version":1', '"version":2'],
    ["with a state that is not there", '"partials":[[', '"partials":[[99,0,0,0],['],
    ["that is cut", '"waiting"', '"else"'],
  ])("%s is refused", (_what, from, to) => {
    const damaged: unknown = JSON.parse(text.replace(from, to));
    expect(() => restoreSnapshot(operatorOf(pattern), damaged)).toThrow(
      expect.objectContaining({ code: "STATE_CORRUPT" }),
    );
  });
});
