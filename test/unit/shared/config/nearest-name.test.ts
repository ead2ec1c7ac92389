import { describe, expect, it } from "vitest";
import { nearestName } from "../../../../shared/config/nearest-name.ts";

describe("nearestName", () => {
  it("finds a slip and leaves a stranger alone", () => {
    expect(nearestName("flush_intervall", ["flush_interval", "sources"])).toBe("flush_interval");
    expect(nearestName("colour", ["flush_interval", "sources"])).toBeUndefined();
  });
});
