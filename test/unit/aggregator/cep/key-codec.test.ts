import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import {
  decodeKeyState,
  encodedDeadlineMs,
  encodeKeyState,
} from "../../../../aggregator/cep/key-codec.ts";
import { type Found, Matcher } from "../../../../aggregator/cep/matcher.ts";
import { KEY_LIMITS_DEFAULT } from "../../../../aggregator/cep/operator.ts";
import type { Pattern } from "../../../../aggregator/cep/pattern.ts";
import { present } from "../../../../shared/assert.ts";
import { eventsOf, shown } from "./sample-patterns.ts";

const pattern: Pattern = {
  key: "key",
  within: 10,
  stages: [
    { name: "a", where: "type == 'A'", times: { min: 1, max: null } },
    { name: "b", contiguity: "followedBy", where: "type == 'B'" },
  ],
};
const automaton = present(compilePattern(pattern).automaton, "automaton");
const matcher = new Matcher(automaton, KEY_LIMITS_DEFAULT);

function stateAfter(text: string) {
  const state = matcher.newState();
  for (const event of eventsOf(text)) matcher.process(state, event, () => expect.unreachable());
  return state;
}

describe("the state of one key as bytes", () => {
  const state = stateAfter("A@3 A@4 X@5");
  const bytes = encodeKeyState(automaton, "k1", state, matcher.deadlineMs(state));

  it("goes on as the original", () => {
    const decoded = present(decodeKeyState(automaton, bytes), "state");
    expect(decoded.key).toBe("k1");
    const found = (from: typeof state) => {
      const all: Found[] = [];
      const [last] = eventsOf("B@6");
      matcher.process(from, present(last, "event"), (one) => all.push(one));
      return all.map((one) => shown({ key: "k1", ...one }));
    };
    const restored = found(decoded.state);
    expect(restored).toHaveLength(3);
    expect(restored).toEqual(found(stateAfter("A@3 A@4 X@5")));
  });

  it("tells its deadline without being decoded", () => {
    expect(encodedDeadlineMs(bytes)).toBe(13);
    const idle = matcher.newState();
    const never = encodeKeyState(automaton, null, idle, matcher.deadlineMs(idle));
    expect(encodedDeadlineMs(never)).toBe(Number.POSITIVE_INFINITY);
  });

  it("means nothing to another pattern", () => {
    const other = present(compilePattern({ ...pattern, within: 11 }).automaton, "automaton");
    expect(decodeKeyState(other, bytes)).toBeUndefined();
  });

  it.each([
    ["of another format", (copy: Buffer) => copy.fill(9, 0, 1)],
    ["that is cut", (copy: Buffer) => copy.subarray(0, copy.length - 5)],
    ["that has no head", (copy: Buffer) => copy.subarray(0, 8)],
    [
      "with a link that is not there",
      (copy: Buffer) => changed(copy, '"links":[[', '"links":[["a",0,7],['),
    ],
    ["without events", (copy: Buffer) => changed(copy, '"events"', '"evente"')],
  ])("%s is refused", (_what, damage) => {
    expect(() => decodeKeyState(automaton, damage(Buffer.from(bytes)))).toThrow(
      expect.objectContaining({ code: "STATE_CORRUPT" }),
    );
  });
});

function changed(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString("latin1");
  expect(text).toContain(from);
  return Buffer.from(text.replace(from, to), "latin1");
}
