import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { runProgram } from "./program.ts";

const SAMPLE = join(import.meta.dirname, "../../config/demo/train-ticket-requests.ndjson.gz");

describe("tailrace demo --once", () => {
  it("prints the windows of 30 minutes, equal to a recount of the sample, and exits 0", async () => {
    const run = await runProgram(["demo", "--once"]);
    expect(run.stderr).toContain("/v1/windows");
    expect(run.code, run.stderr).toBe(0);
    const rows = run.stdout
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((row) => row.split(/ {2,}/));
    const counted = new Map<string, number>();
    const starts = [...new Set(rows.map(([start]) => start))].toSorted();
    for (const [start, service, requests, errors] of rows) {
      const minute = starts.indexOf(start);
      counted.set(`${minute} ${service}`, Number(requests) * 1000 + Number(errors));
    }
    expect(counted).toEqual(recountSample(30));
    expect(rows.every((row) => row.at(-1) === "final")).toBe(true);
  });
});

function recountSample(minutes: number): Map<string, number> {
  const expected = new Map<string, number>();
  for (const line of gunzipSync(readFileSync(SAMPLE)).toString("utf8").trimEnd().split("\n")) {
    const { timestamp, service, level } = JSON.parse(line);
    const minute = (Date.parse(timestamp) - Date.parse("2023-01-29T00:00:00Z")) / 60_000;
    if (minute >= minutes) continue;
    const key = `${Math.floor(minute)} ${service}`;
    expected.set(key, (expected.get(key) ?? 0) + (level === "ERROR" ? 1001 : 1000));
  }
  return expected;
}
