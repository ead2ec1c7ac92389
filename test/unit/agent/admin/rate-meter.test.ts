import { describe, expect, it } from "vitest";
import { RateMeter } from "../../../../agent/admin/rate-meter.ts";

describe("a rate", () => {
  it("is what a counter rose by per second", () => {
    const meter = new RateMeter();
    expect(meter.perSecond).toBe(0);
    meter.note(100, 0);
    expect(meter.perSecond).toBe(0);
    meter.note(300, 2000);
    expect(meter.perSecond).toBe(100);
  });

  it("forgets what is older than its span", () => {
    const meter = new RateMeter(1000);
    meter.note(0, 0);
    meter.note(1000, 1000);
    meter.note(1000, 2000);
    meter.note(1000, 3000);
    expect(meter.perSecond).toBe(0);
  });

  it("begins anew when the counter falls, as it does at a restart", () => {
    const meter = new RateMeter();
    meter.note(500, 0);
    meter.note(10, 1000);
    meter.note(20, 2000);
    expect(meter.perSecond).toBe(10);
  });
});
