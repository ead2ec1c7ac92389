import { describe, expect, it } from "vitest";
import {
  EVENT_DEPTH_MAX,
  EVENT_FIELDS_MAX,
  EVENT_NAME_LENGTH_MAX,
  eventBytes,
} from "../../../../shared/protocol/event-limits.ts";

const bytes = (fields: Record<string, unknown>, type: string | null = null) =>
  eventBytes({ type, fields });

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

describe("the size of an event", () => {
  it("counts its names and texts in bytes of UTF-8, and every value", () => {
    expect(bytes({})).toBe(32);
    expect(bytes({}, "ä")).toBe(34);
    expect(bytes({ a: "ä", b: null, c: true, d: 1 })).toBe(32 + 4 + 4 * 9 + 2);
    expect(bytes({ a: [1, { b: 2 }] })).toBe(32 + 2 + 4 * 9);
  });

  it("is beyond all limits when names, fields or depth are", () => {
    const name = "x".repeat(EVENT_NAME_LENGTH_MAX);
    expect(bytes({ [name]: 1 }, name)).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(bytes({ [`${name}x`]: 1 })).toBe(Number.POSITIVE_INFINITY);
    expect(bytes({ a: { [`${name}x`]: 1 } })).toBe(Number.POSITIVE_INFINITY);
    expect(bytes({}, `${name}x`)).toBe(Number.POSITIVE_INFINITY);
    const many = Object.fromEntries(Array.from({ length: EVENT_FIELDS_MAX + 1 }, (_, i) => [i, i]));
    expect(bytes(many)).toBe(Number.POSITIVE_INFINITY);
    expect(bytes({ a: nested(EVENT_DEPTH_MAX) })).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(bytes({ a: nested(EVENT_DEPTH_MAX + 1) })).toBe(Number.POSITIVE_INFINITY);
    expect(bytes({ a: undefined })).toBe(Number.POSITIVE_INFINITY);
  });
});
