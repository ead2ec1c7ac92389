import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseInstantMs } from "../../../../aggregator/serve/query-parameters.ts";
import {
  decodeCursor,
  encodeCursor,
  parseWindowsQuery,
} from "../../../../aggregator/serve/windows-query.ts";

function read(query: string) {
  const result = parseWindowsQuery(query);
  if ("faults" in result) throw new Error(JSON.stringify(result.faults));
  return result.query;
}

function faultsOf(query: string): string[] {
  const result = parseWindowsQuery(query);
  return "faults" in result ? result.faults.map(({ parameter }) => parameter) : [];
}

describe("the query of windows", () => {
  it("asks for everything when nothing is said", () => {
    expect(read("")).toEqual({
      stream: "application-logs",
      service: undefined,
      fromMs: Number.NEGATIVE_INFINITY,
      toMs: Number.POSITIVE_INFINITY,
      stepMinutes: 1,
      limit: 10_000,
      after: undefined,
    });
  });

  it("takes every parameter", () => {
    const from = "2026-11-20T10:00:00Z";
    const next = encodeCursor({ minute: 7, service: "a/b" });
    const query = `service=a%26b&stream=s&from=${from}&to=2026-11-20T12:00:00%2B01:00&step=1h&limit=5&by=&next=${next}`;
    expect(read(query)).toEqual({
      stream: "s",
      service: "a&b",
      fromMs: Date.parse(from),
      toMs: Date.parse("2026-11-20T11:00:00Z"),
      stepMinutes: 60,
      limit: 5,
      after: { minute: 7, service: "a/b" },
    });
    expect(read(`cursor=${next}`).after).toEqual({ minute: 7, service: "a/b" });
  });

  it("names every parameter that it cannot understand", () => {
    const query =
      "from=yesterday&to=2026-13-01T00:00:00Z&step=90s&limit=0&service=&by=host,,x&next=x&color=red";
    expect(faultsOf(query).toSorted()).toEqual(
      ["by", "color", "from", "limit", "next", "service", "step", "to"].toSorted(),
    );
    expect(faultsOf("service=a&service=b")).toEqual(["service"]);
    expect(faultsOf("from=2026-11-20T10:00:00Z&to=2026-11-20T09:00:00Z")).toEqual(["from"]);
    expect(faultsOf("limit=10001")).toEqual(["limit"]);
    expect(faultsOf("step=0m")).toEqual(["step"]);
  });

  it.each([
    ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000Z"],
    ["2026-11-20T10:00Z", "2026-11-20T10:00:00.000Z"],
    ["2026-11-20T10:00:00.5Z", "2026-11-20T10:00:00.500Z"],
    ["2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00.123Z"],
    ["2026-11-20T10:00:00+0130", "2026-11-20T08:30:00.000Z"],
    ["2026-11-20T10:00:00 01:30", "2026-11-20T08:30:00.000Z"],
    ["2026-11-20", "2026-11-20T00:00:00.000Z"],
  ])("reads the time %s", (text, iso) => {
    expect(new Date(parseInstantMs(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each(["", "now", "2026-11-20T10:00:00", "1763632800000", "2026-02-30T99:00:00Z"])(
    "does not guess what time %j is",
    (text) => {
      expect(parseInstantMs(text)).toBeUndefined();
    },
  );

  it("never throws, and reads back its own cursors", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (query) => {
        expect(Object.keys(parseWindowsQuery(query))).toHaveLength(1);
      }),
    );
    fc.assert(
      fc.property(fc.integer(), fc.string({ unit: "binary" }), (minute, text) => {
        const place = { minute, service: text.toWellFormed() };
        expect(decodeCursor(encodeCursor(place))).toEqual(place);
      }),
    );
  });
});
