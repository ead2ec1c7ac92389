import { describe, expect, it } from "vitest";
import {
  FINGERPRINT_BYTES_MAX,
  FINGERPRINT_NONE,
  fingerprintFits,
  fingerprintOf,
} from "../../../../agent/source/fingerprint.ts";

const bytes = Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7) % 251));

describe("fingerprint", () => {
  it("covers the first bytes, at most a kilobyte", () => {
    expect(fingerprintOf(bytes.subarray(0, 10)).fingerprintBytes).toBe(10);
    expect(fingerprintOf(bytes).fingerprintBytes).toBe(FINGERPRINT_BYTES_MAX);
    expect(fingerprintOf(bytes)).toEqual(fingerprintOf(bytes.subarray(0, FINGERPRINT_BYTES_MAX)));
    expect(fingerprintOf(Buffer.alloc(0))).toEqual(FINGERPRINT_NONE);
  });

  it("fits a file that grew, and none that is shorter or other", () => {
    const known = fingerprintOf(bytes.subarray(0, 100));
    expect(fingerprintFits(known, bytes.subarray(0, 100))).toBe(true);
    expect(fingerprintFits(known, bytes)).toBe(true);
    expect(fingerprintFits(known, bytes.subarray(0, 99))).toBe(false);
    const other = Buffer.from(bytes);
    other[99] = (other[99] ?? 0) ^ 1;
    expect(fingerprintFits(known, other)).toBe(false);
    expect(fingerprintFits(FINGERPRINT_NONE, other)).toBe(true);
  });
});
