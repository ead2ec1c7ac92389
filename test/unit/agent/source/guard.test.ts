import { describe, expect, it } from "vitest";
import {
  GUARD_BYTES_MAX,
  GUARD_NONE,
  guardBefore,
  guardFits,
} from "../../../../agent/source/guard.ts";

const buffer = Buffer.from("0123456789".repeat(100));

describe("guard", () => {
  it("covers at most 256 bytes before a position, fewer at the beginning", () => {
    expect(guardBefore(buffer, 0)).toEqual(GUARD_NONE);
    expect(guardBefore(buffer, 10).guardBytes).toBe(10);
    expect(guardBefore(buffer, 1_000).guardBytes).toBe(GUARD_BYTES_MAX);
  });

  it("fits exactly the bytes that it covers", () => {
    const guard = guardBefore(buffer, 300);
    expect(guardFits(guard, buffer.subarray(44, 300))).toBe(true);
    expect(guardFits(guard, buffer.subarray(45, 300))).toBe(false);
    expect(guardFits(guard, buffer.subarray(45, 301))).toBe(false);
    expect(guardFits(GUARD_NONE, buffer.subarray(0, 0))).toBe(true);
  });
});
