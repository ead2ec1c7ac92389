import { describe, expect, it } from "vitest";
import { durationText, parseBytes, parseDurationMs } from "../../../../shared/config/quantity.ts";

describe("parseDurationMs", () => {
  it("reads every unit, also with a fraction", () => {
    expect(["250ms", "10s", "1.5m", "2h", "30d"].map(parseDurationMs)).toEqual([
      250, 10_000, 90_000, 7_200_000, 2_592_000_000,
    ]);
  });

  it("refuses what is no duration", () => {
    for (const text of ["10", "s", "-1s", "1 s", "1s2", "1M", "1e3s", ""]) {
      expect(parseDurationMs(text)).toBeUndefined();
    }
  });
});

describe("durationText", () => {
  it("takes the largest unit without a fraction", () => {
    expect(
      [0, 1500, 90_000, 600_000, 5_400_000, 7_200_000, 86_400_000, 0.5].map(durationText),
    ).toEqual(["0s", "1500ms", "90s", "10m", "90m", "2h", "1d", "0.5ms"]);
  });
});

describe("parseBytes", () => {
  it("tells binary from decimal units", () => {
    expect(["1KiB", "1KB", "1.5MiB", "2GB", "7B"].map(parseBytes)).toEqual([
      1024, 1000, 1_572_864, 2_000_000_000, 7,
    ]);
  });

  it("refuses what is no size", () => {
    for (const text of ["10", "MiB", "1 MiB", "1mb", "-1B"])
      expect(parseBytes(text)).toBeUndefined();
  });
});
