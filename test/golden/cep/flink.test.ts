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
  readonly tieSensitive: boolean;
  readonly expect: {
    readonly matches?: CaseFound[];
    readonly timeouts?: CaseFound[];
    readonly late?: number[];
    readonly error?: { readonly phase: string; readonly at?: number };
  };
}

const cases: GoldenCase[] = gunzipSync(readFileSync(join(import.meta.dirname, "cases.ndjson.gz")))
  .toString("utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

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
    const certain = cases.filter((golden) => !golden.tieSensitive);
    expect(certain).toHaveLength(1786);
    for (const golden of certain) {
      expect(comparable(runCase(golden)), golden.id).toEqual(comparable(golden.expect));
    }
  });

  it("are given where the order within the priority queue decides", () => {
    const ties = cases.filter((golden) => golden.tieSensitive);
    expect(ties).toHaveLength(123);
    for (const golden of ties) {
      expect(comparable(runCase(golden)), golden.id).toEqual(comparable(golden.expect));
    }
  });
});
