import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "./program.ts";
import { RunningAggregator } from "./running-aggregator.ts";

let aggregator: RunningAggregator;

beforeAll(async () => {
  aggregator = await RunningAggregator.start();
  await aggregator.hello();
  const start = Date.now() - 600_000;
  const line = (service: string, minute: number, level: string) =>
    JSON.stringify({
      ...{ service, level, duration: 12 },
      timestamp: new Date(start + minute * 60_000).toISOString(),
    });
  const lines = ["orders", "=cmd|' /C calc'!A0"].flatMap((service) =>
    [0, 1, 2].map((minute) => line(service, minute, minute === 0 ? "ERROR" : "INFO")),
  );
  const headers = { "content-type": "application/x-ndjson" };
  const posted = await aggregator.postTo("/v1/events", headers, Buffer.from(lines.join("\n")));
  expect(posted.body).toMatchObject({ accepted: 6 });
});

afterAll(() => aggregator.remove());

function query(...words: string[]) {
  const endpoint = `http://127.0.0.1:${aggregator.port}`;
  return runProgram(["query", ...words, "--endpoint", endpoint]);
}

describe("tailrace query", () => {
  it("shows windows as a table, of one service, in steps", async () => {
    const { code, stdout } = await query("windows", "--service", "orders", "--step", "1d");
    expect(code).toBe(0);
    const [heads = "", row = "", end] = stdout.split("\n");
    expect(heads.trim().split(/ {2,}/)).toEqual([
      "window start",
      "service",
      "requests",
      "errors",
      "rate",
      "mean",
      "p50",
      "p99",
      "state",
    ]);
    expect(row).toMatch(/orders +3 +1 +33\.3 % +12\.0 ms +12\.0 ms +12\.0 ms +provisional$/);
    expect(end).toBe("");
  });

  it("gives every window as a line of JSON, page by page, or as many as were asked for", async () => {
    const { stdout } = await query("windows", "--output", "ndjson", "--from", "1h");
    const windows = stdout
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text));
    expect(windows.map(({ requestCount }) => requestCount)).toEqual([1, 1, 1, 1, 1, 1]);
    const some = await query("windows", "--output", "ndjson", "--limit", "2");
    expect(some.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(some.stderr).toContain("more than these 2");
    expect((await query("windows", "--output", "ndjson", "--to", "1h")).stdout).toBe("");
  });

  it("writes CSV in which no text is a formula", async () => {
    const { stdout } = await query("windows", "--output", "csv");
    const lines = stdout.trimEnd().split("\r\n");
    expect(lines[0]).toMatch(/^stream,service,windowStart,windowEnd,requestCount,/);
    expect(lines).toHaveLength(7);
    expect(stdout).toContain(",'=cmd|' /C calc'!A0,");
    expect(stdout).not.toMatch(/,=/);
  });

  it("writes the same as an export", async () => {
    const endpoint = `http://127.0.0.1:${aggregator.port}`;
    const exported = await runProgram(["export", "csv", "windows", "--endpoint", endpoint]);
    expect(exported.stdout).toBe((await query("windows", "--output", "csv")).stdout);
    const pdf = await runProgram(["export", "pdf", "windows", "--endpoint", endpoint]);
    expect([pdf.code, pdf.stderr]).toEqual([2, expect.stringContaining("the only form is csv")]);
  });

  it("says what is wrong with a question", async () => {
    const wrong = [
      [["profits"], "ask for `windows`, `alerts` or `lines`"],
      [["windows", "--rule", "x"], "windows take no --rule"],
      [["windows", "--output", "xml"], "is not one of table, ndjson, csv"],
      [["windows", "--limit", "0"], "no whole number"],
      [[], "say what to ask for"],
    ] as const;
    for (const [words, text] of wrong) {
      const { code, stderr } = await query(...words);
      expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
    }
    const refused = await query("windows", "--step", "7s");
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/--step: .*multiple of 1m/),
    ]);
    const time = await query("windows", "--from", "yesterday");
    expect([time.code, time.stderr]).toEqual([2, expect.stringContaining("--from yesterday")]);
  });

  it("asks for raw lines", async () => {
    const { code, stdout } = await query("lines", "--level", "ERROR", "--output", "csv");
    const head = "id,timestamp,stream,service,level,weight,agent,source,line\r\n";
    expect([code, stdout]).toEqual([0, head]);
    const wrong = await query("lines", "--level", "loud");
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/--level: .*levels of TRACE/),
    ]);
  });

  it("asks for alerts", async () => {
    const { code, stdout } = await query("alerts", "--output", "csv");
    expect([code, stdout]).toEqual([
      0,
      "id,timestamp,alertType,severity,details.rule,details.key,message,details\r\n",
    ]);
  });
});
