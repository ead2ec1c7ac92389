import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  type CaseFound,
  type CaseResult,
  runCase,
} from "../../../aggregator/rules/run-case.ts";

interface GoldenCase {
  readonly id: string;
  readonly tieSensitive?: boolean;
  readonly expect: {
    readonly matches?: CaseFound[];
    readonly timeouts?: CaseFound[];
    readonly late?: number[];
    readonly error?: { readonly phase: string; readonly at?: number };
  };
}

function casesIn(file: string): GoldenCase[] {
  const lines = gunzipSync(readFileSync(join(import.meta.dirname, file))).toString("utf8").trim();
  return lines.split("\n").map((line) => JSON.parse(line));
}

const cases = casesIn("cases.ndjson.gz");

/** Time and moment of emission included: more than the contract asks for. */
const text = ({ key, ts, at, m }: CaseFound) =>
  JSON.stringify([key, ts, at, Object.entries(m).toSorted()]);

function comparable(result: GoldenCase["expect"] | CaseResult) {
  const error = result.error === undefined ? null : result.error.phase;
  if (error === "compile") return { error };
  return {
    error,
    at: result.error?.at,
    matches: (result.matches ?? []).map(text).toSorted(),
    timeouts: [...new Set((result.timeouts ?? []).map(text))].toSorted(),
    late: result.late,
  };
}

describe("Apache Flink's answers", () => {
  it("are given in every case without ties", () => {
    const certain = cases.filter((golden) => golden.tieSensitive !== true);
    expect(certain).toHaveLength(1786);
    for (const golden of certain) {
      expect(comparable(runCase(golden)), golden.id).toEqual(comparable(golden.expect));
    }
  });

  it("are given where the order within the priority queue decides", () => {
    const ties = cases.filter((golden) => golden.tieSensitive === true);
    expect(ties).toHaveLength(123);
    for (const golden of ties) {
      expect(comparable(runCase(golden)), golden.id).toEqual(comparable(golden.expect));
    }
  });

  it("are given where two keys fail or time out at the same moment", () => {
    const failing = casesIn("failing-cases.ndjson.gz");
    expect(failing.length).toBeGreaterThan(100);
    for (const golden of failing) {
      expect(comparable(runCase(golden)), golden.id).toEqual(comparable(golden.expect));
    }
  });

  it("are given for patterns that mix every operator", () => {
    const mixed = casesIn("random-cases.ndjson.gz");
    expect(mixed).toHaveLength(1_700);
    for (const golden of mixed) {
      expect(comparable(runCase(golden)), golden.id).toEqual(comparable(golden.expect));
    }
  });
});
