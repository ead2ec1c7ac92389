import { describe, expect, it } from "vitest";
import {
  encodeOtlpAnswer,
  eventsOfOtlp,
  type OtlpRecord,
} from "../../../../aggregator/sources/otlp-logs.ts";

const record = (changes: Partial<OtlpRecord> = {}): OtlpRecord => ({
  ...{ timeUnixNano: 1_790_000_000_123_456_789n, observedTimeUnixNano: 0n, severityNumber: 9 },
  ...{ severityText: "", body: "paid", attributes: {}, ...changes },
});

const eventOf = (changes: Partial<OtlpRecord>, attributes = {}) =>
  eventsOfOtlp([{ attributes, records: [record(changes)] }])[0];

describe("a log record of OpenTelemetry", () => {
  it("is an event of its resource's service, its attributes the fields", () => {
    const attributes = { "service.name": "shop", "host.name": "h" };
    expect(eventOf({ attributes: { duration_ms: 5, level: "mine" } }, attributes)).toEqual({
      ...{ timestamp: "2026-09-21T14:13:20.123Z", service: "shop", level: "INFO" },
      ...{ message: "paid", duration_ms: 5 },
    });
  });

  it("takes its level from the number, else the text, else it is INFO", () => {
    const levels = [1, 4, 5, 9, 13, 17, 20, 21, 24].map(
      (severityNumber) => eventOf({ severityNumber })?.["level"],
    );
    expect(levels.join(" ")).toBe("TRACE TRACE DEBUG INFO WARN ERROR ERROR FATAL FATAL");
    expect(eventOf({ severityNumber: 0, severityText: "warn" })?.["level"]).toBe("warn");
    expect(eventOf({ severityNumber: 0 })?.["level"]).toBe("INFO");
    expect(eventOf({ severityNumber: -3, severityText: "E" })?.["level"]).toBe("E");
  });

  it("without a time has the one at which it was seen, without both none", () => {
    const observedTimeUnixNano = 1_000_000n;
    const seen = eventOf({ timeUnixNano: 0n, observedTimeUnixNano });
    expect(seen?.["timestamp"]).toBe("1970-01-01T00:00:00.001Z");
    expect(eventOf({ timeUnixNano: 0n })).not.toHaveProperty("timestamp");
  });
});

describe("the answer to a request", () => {
  it("is empty when all was taken, and says how many were not", () => {
    expect(encodeOtlpAnswer(0, "")).toHaveLength(0);
    expect(encodeOtlpAnswer(3, "x").toString("hex")).toBe("0a050803120178");
  });
});
