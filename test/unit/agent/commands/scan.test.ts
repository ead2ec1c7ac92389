import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { command, runScan, type ScanOptions } from "../../../../agent/commands/scan.ts";
import type { CommandIo } from "../../../../shared/command.ts";
import { pieces, temporaryFile, testIo } from "./test-io.ts";

const DEFAULTS: Omit<ScanOptions, "paths"> = {
  format: "auto",
  timezone: "UTC",
  durationUnit: "ms",
  windowMinutes: 1,
  output: "ndjson",
};

async function scan(
  paths: readonly string[],
  options: Partial<ScanOptions> = {},
  io: Partial<CommandIo> = {},
) {
  const surroundings = testIo(io);
  const exitCode = await runScan({ ...DEFAULTS, ...options, paths }, surroundings);
  const output = surroundings.output();
  const rows =
    (options.output ?? "ndjson") === "ndjson"
      ? output
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line))
      : [];
  return { exitCode, output, errors: surroundings.errors(), rows };
}

/** One JSON line; `minute` of 2026-11-20T10. */
function line(minute: number, rest = ""): string {
  return `{"time":"2026-11-20T10:${String(minute).padStart(2, "0")}:00Z"${rest}}\n`;
}

const short = (row: { service: string; windowStart: string; requestCount: number }) =>
  `${row.windowStart.slice(11, 16)} ${row.service} ${row.requestCount}`;

describe("scan", () => {
  test("merges all inputs into one result, ordered by start and service", async () => {
    const one = temporaryFile("orders.log", line(1, ',"service":"b"') + line(0) + line(1));
    const two = temporaryFile("web.log.1.gz", gzipSync(line(1, ',"service":"orders"') + line(0)));
    const { rows, exitCode } = await scan(
      [one, two, "-"],
      {},
      { stdin: pieces([line(1), line(1)]) },
    );
    expect(exitCode).toBe(0);
    expect(rows.map(short)).toEqual([
      "10:00 orders 1",
      "10:00 web 1",
      "10:01 b 1",
      "10:01 orders 2",
      "10:01 stdin 2",
    ]);
  });

  test("prints each window as documented", async () => {
    const path = temporaryFile("a.log", line(0, ',"service":"s","level":"error","duration":1.5'));
    expect((await scan([path])).output).toBe(
      '{"stream":"application-logs","service":"s","windowStart":"2026-11-20T10:00:00.000Z",' +
        '"windowEnd":"2026-11-20T10:01:00.000Z","requestCount":1,"errorCount":1,"errorRate":1,' +
        '"avgLatency":1.5,"latency":{"min":1.5,"p50":1.5,"p95":1.5,"p99":1.5,"max":1.5},' +
        '"levels":{"ERROR":1},"dimensions":{}}\n',
    );
  });

  test("takes longer windows, aligned to the epoch", async () => {
    const path = temporaryFile("a.log", line(4) + line(5) + line(9) + line(14));
    const { rows } = await scan([path], { windowMinutes: 7 });
    expect(rows.map(({ windowStart, windowEnd }) => `${windowStart} ${windowEnd}`)).toEqual(
      [
        ...new Set(
          [4, 5, 9, 14].map((minute) => Math.floor(Date.UTC(2026, 10, 20, 10, minute) / 420_000)),
        ),
      ].map(
        (index) =>
          `${new Date(index * 420_000).toISOString()} ${new Date((index + 1) * 420_000).toISOString()}`,
      ),
    );
  });

  test("counts the last line without a line feed, and CRLF lines", async () => {
    const path = temporaryFile("a.log", `${line(0).replace("\n", "\r\n")}${line(0).trimEnd()}`);
    expect((await scan([path])).rows.map(short)).toEqual(["10:00 a 2"]);
  });

  test("sums up rejected lines by reason with their line numbers", async () => {
    const bad = `\n${line(0)}oops\n{}\n${line(1)}oops\noops\n${"x".repeat(2000)}\noops\nlast`;
    const { errors, exitCode } = await scan([temporaryFile("a.log", bad)], { lineBytesMax: 1000 });
    expect(exitCode).toBe(0);
    expect(errors).toContain(
      "a.log: 7 of 10 lines rejected: 5 not_json (lines 3, 6, 7, …), 1 no_time (line 4), 1 too_long (line 8)",
    );
  });

  test("counts line numbers anew in each file", async () => {
    const one = temporaryFile("a.log", line(0) + line(0));
    const two = temporaryFile("b.log", `${line(0)}oops\n`);
    expect((await scan([one, two])).errors).toContain(
      "b.log: 1 of 2 lines rejected: 1 not_json (line 2)",
    );
  });

  test("says what it took the format for", async () => {
    const path = temporaryFile("a.log", "time=2026-11-20T10:00:00Z\ntime=2026-11-20T10:00:00Z\n");
    expect((await scan([path])).errors).toContain(
      "a.log: read as logfmt, which fits 2 of the first 2 events",
    );
    const words = temporaryFile("a.log", "only words\n");
    expect((await scan([words])).errors).toContain("no line is an event in any format");
    expect((await scan([path], { format: "logfmt" })).errors).toBe("");
  });

  test("does the other files when one cannot be read, and fails", async () => {
    const path = temporaryFile("a.log", line(0));
    const { exitCode, rows, errors } = await scan(["/nowhere/x.log", path]);
    expect(exitCode).toBe(1);
    expect(rows.map(short)).toEqual(["10:00 a 1"]);
    expect(errors).toContain("/nowhere/x.log: cannot be read: there is no such file");
  });

  test("reads times without a zone in the zone that is asked for", async () => {
    const path = temporaryFile("a.log", '{"time":"2026-07-01 12:00:00"}\n');
    const { rows } = await scan([path], { timezone: "Europe/Berlin" });
    expect(rows[0]?.windowStart).toBe("2026-07-01T10:00:00.000Z");
  });

  test("prints a table without colour unless it may, and nothing of the progress unless on a terminal", async () => {
    const path = temporaryFile("a.log", line(0, ',"level":"ERROR"') + line(1));
    const plain = await scan([path], { output: "table", format: "json" });
    expect(plain.output).toMatch(
      /^service +requests +errors +rate +p50 +p99 +error rate over time\na +2 +1 +50\.0 % +- +- +█▁\n/,
    );
    expect(plain.output).not.toContain("\u001b");
    expect(plain.errors).toBe("");
    const colored = await scan(
      [path],
      { output: "table", format: "json" },
      { hasColor: true, isTerminal: true },
    );
    expect(colored.output).toContain("\u001b[31m");
    expect(colored.errors).toContain("\u001b[K");
  });

  test("stops when asked to", async () => {
    const path = temporaryFile("a.log", line(0));
    const { exitCode, output } = await scan([path], {}, { signal: AbortSignal.abort() });
    expect([exitCode, output]).toEqual([1, ""]);
  });
});

describe("the scan command", () => {
  const run = (options: Record<string, unknown>, paths = [temporaryFile("a.log", line(0))]) => {
    const io = testIo();
    return command.run(paths, options, io).then((exitCode) => ({ exitCode, output: io.output() }));
  };

  test("has a table of minutes as its default", async () => {
    const { exitCode, output } = await run({});
    expect(exitCode).toBe(0);
    expect(output).toContain("a bar is 1 min");
  });

  test("refuses what it does not know, and says what it would take", async () => {
    await expect(run({ format: "jsn" })).rejects.toThrow("did you mean json?");
    await expect(run({ window: "90s" })).rejects.toThrow("whole number of minutes");
    await expect(run({ window: "0m" })).rejects.toThrow("whole number of minutes");
    await expect(run({ output: "csv" })).rejects.toThrow("table, ndjson");
    await expect(run({ timezone: "Mars/Olympus" })).rejects.toThrow("no time zone");
    await expect(run({ durationUnit: "h" })).rejects.toThrow("ns, us, ms, s");
  });
});
