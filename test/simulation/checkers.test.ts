import { describe, expect, it } from "vitest";
import { compareWindows, RunningCheck } from "./check-windows.ts";
import type { ObservedWindow } from "./observer.ts";
import { Recount } from "./recount.ts";

const START = "2026-01-06T12:00:00.000Z";

function written(): Recount {
  const recount = new Recount();
  const timeMs = Date.parse(START);
  recount.add({ service: "a", timeMs: timeMs + 59_999, level: "ERROR", durationUs: 1_500 });
  recount.add({ service: "a", timeMs, level: "INFO", durationUs: undefined });
  recount.add({ service: "b", timeMs, level: "INFO", durationUs: undefined });
  return recount;
}

const windowA: ObservedWindow = {
  service: "a",
  windowStart: START,
  requestCount: 2,
  errorCount: 1,
  avgLatency: 1.5,
  latency: { min: 1.5, max: 1.5 },
  levels: { INFO: 1, ERROR: 1 },
  state: "final",
  revision: 3,
};
const windowB: ObservedWindow = {
  ...windowA,
  service: "b",
  requestCount: 1,
  errorCount: 0,
  avgLatency: null,
  latency: null,
  levels: { INFO: 1 },
};

describe("the comparison with the recount", () => {
  it("finds nothing wrong with windows that are right", () => {
    expect(compareWindows([windowA, windowB], written())).toBeUndefined();
  });

  it.each([
    ["a line too few", { requestCount: 1 }],
    ["an error too many", { errorCount: 2 }],
    ["another level", { levels: { WARN: 1, ERROR: 1 } }],
    ["a sum of durations that is off", { avgLatency: 1.5001 }],
    ["a wrong minimum", { latency: { min: 1.4, max: 1.5 } }],
    ["no latency at all", { latency: null }],
    ["another service", { service: "c" }],
    ["another minute", { windowStart: "2026-01-06T12:01:00.000Z" }],
  ])("finds %s", (_, change) => {
    expect(compareWindows([{ ...windowA, ...change }, windowB], written())).toBeDefined();
  });

  it("finds windows that are missing or served twice", () => {
    expect(compareWindows([windowA], written())).toContain("b is missing");
    expect(compareWindows([windowA, windowA, windowB], written())).toContain("twice");
  });
});

describe("the look at a running fleet", () => {
  it("lets windows be behind what was written, never ahead", () => {
    const check = new RunningCheck();
    const behind = { ...windowA, requestCount: 1, levels: { INFO: 1 } };
    expect(check.look([behind], written())).toBeUndefined();
    expect(check.look([windowA], written())).toBeUndefined();
    expect(check.look([{ ...windowA, requestCount: 3 }], written())).toContain("only 2");
    expect(check.look([{ ...windowA, levels: { INFO: 2 } }], written())).toContain("2 INFO");
    expect(check.look([{ ...windowA, service: "x" }], written())).toContain("never written");
  });

  it("finds a revision that goes back, unless the aggregator did", () => {
    const check = new RunningCheck();
    expect(check.look([windowA], written())).toBeUndefined();
    expect(check.look([{ ...windowA, revision: 2 }], written())).toContain("from revision 3 back");
    check.forget();
    expect(check.look([{ ...windowA, revision: 2 }], written())).toBeUndefined();
  });
});
