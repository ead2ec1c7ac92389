import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { command, runScan, type ScanOptions } from "../../../../agent/commands/scan.ts";
import type { CommandIo } from "../../../../shared/command.ts";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import {
  type RunningThread,
  realThreads,
  type Threads,
} from "../../../../shared/platform/threads.ts";
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

/** Threads as they are, of which the test knows how many were started and how they ended. */
function watchedThreads() {
  const started: Promise<void>[] = [];
  const threads: Threads = {
    processors: 2,
    start: (module, task, onMessage) => {
      const thread = realThreads.start(module, task, onMessage);
      started.push(thread.ended);
      return thread;
    },
  };
  return { started, threads };
}

/** Threads that do something else than they should. */
function brokenThreads(start: () => RunningThread): Threads {
  return { processors: 2, start };
}

describe("scan on several threads", () => {
  const rows = Array.from({ length: 4000 }, (_, index) => {
    const service = `,"service":"s${index % 7}","duration":${index}`;
    return index % 500 === 3 ? "oops\n" : line(Math.floor(index / 100), service);
  });
  const content = `${rows.join("")}${"x".repeat(5000)}\n${line(3).trimEnd()}`;
  const SPLIT = { rangeBytes: 20_000, lineBytesMax: 1000 };

  test("prints and says what one thread does", async () => {
    const path = temporaryFile("a.log", content);
    for (const format of ["auto", "json"] as const) {
      const alone = await scan([path], { ...SPLIT, format, threads: 1 });
      expect(alone.rows.length).toBe(281);
      const { threads, started } = watchedThreads();
      const together = await scan([path], { ...SPLIT, format, threads: 3 }, { threads });
      expect(together).toEqual(alone);
      expect(started.length).toBe(2);
      await Promise.all(started);
    }
  });

  test("counts files side by side, packed and small ones too, and those that cannot be read", async () => {
    const large = temporaryFile("large.log", content);
    const packed = temporaryFile("packed.log.gz", gzipSync(content));
    const trace = temporaryFile(
      "trace.log",
      "2026-11-20 10:00:59,123 [main] ERROR a.B - no\n\tat a.B.c(B.java:1)\n".repeat(900),
    );
    const paths = [trace, "/nowhere/x.log", large, packed, temporaryFile("small.log", line(0))];
    const alone = await scan(paths, { ...SPLIT, threads: 1 });
    expect(alone.exitCode).toBe(1);
    expect(alone.errors).toContain("read as log4j");
    const { threads, started } = watchedThreads();
    expect(await scan(paths, { ...SPLIT, threads: 2 }, { threads })).toEqual(alone);
    expect(started.length).toBe(1);
  });

  test("starts none for what is read once, for one part, or where one is asked for", async () => {
    const path = temporaryFile("a.log", content);
    const threads = brokenThreads(() => {
      throw new Error("a thread was started");
    });
    const stdin = () => ({ threads, stdin: pieces([line(0)]) });
    await scan([path, "-"], { ...SPLIT, threads: 2 }, stdin());
    await scan([path], { threads: 2 }, { threads });
    await scan([path], SPLIT, { threads });
    await scan([path], { ...SPLIT, threads: 1 }, { threads });
  });

  test("keeps the events of several lines of one file together", async () => {
    const event = "2026-11-20 10:00:59,123 [main] ERROR a.B - no\n\tat a.B.c(B.java:1)\n";
    const path = temporaryFile("a.log", event.repeat(2000));
    const { threads, started } = watchedThreads();
    const { rows: found } = await scan([path], { ...SPLIT, threads: 2 }, { threads });
    expect(found.map(short)).toEqual(["10:00 a 2000"]);
    expect(started.length).toBe(0);
  });

  test("counts again on one when a thread fails, and says so", async () => {
    const path = temporaryFile("a.log", content);
    const alone = await scan([path], { ...SPLIT, threads: 1 });
    const failures: [() => Promise<void>, string][] = [
      [() => Promise.reject(new Error("no memory")), "no memory"],
      [() => Promise.resolve(), "it ended without a word"],
    ];
    for (const [end, why] of failures) {
      const threads = brokenThreads(() => ({ ended: end(), stop: async () => undefined }));
      const together = await scan([path], { ...SPLIT, threads: 2 }, { threads });
      expect(together).toEqual({
        ...alone,
        errors: `tailrace scan: a thread failed (${why}); counting again on one\n${alone.errors}`,
      });
    }
  });

  test("stops those that it started when a further one cannot be", async () => {
    const path = temporaryFile("a.log", content);
    let [started, stopped] = [0, 0];
    const threads = brokenThreads(() => {
      if (++started === 3) throw new Error("too many");
      const stop = async () => {
        stopped++;
      };
      return { ended: new Promise(() => undefined), stop };
    });
    const { exitCode, errors } = await scan([path], { ...SPLIT, threads: 5 }, { threads });
    expect([exitCode, stopped]).toEqual([0, 2]);
    expect(errors).toContain("a thread failed (too many)");
  });

  test("counts again on one when another file takes the place of one that is being read", async () => {
    const path = temporaryFile("a.log", content);
    const other = temporaryFile("a.log", line(9) + line(9));
    const alone = await scan([other], { ...SPLIT, format: "json", threads: 1 });
    const { disk } = realPlatform;
    let opened = 0;
    const replacing: Disk = {
      ...disk,
      open: async (asked, mode) => {
        // First it is looked into, then a range of it is counted.
        if (++opened === 3) await disk.rename(other, path);
        return disk.open(asked, mode);
      },
    };
    const { threads } = watchedThreads();
    const io = { threads, platform: { ...realPlatform, disk: replacing } };
    expect(await scan([path], { ...SPLIT, format: "json", threads: 2 }, io)).toEqual(alone);
    expect(opened).toBeGreaterThan(3);
  });

  test("stops its threads when it is interrupted, wherever it is", async () => {
    const path = temporaryFile("a.log", content);
    const stopping = new AbortController();
    let stopped = 0;
    const threads = brokenThreads(() => {
      setTimeout(() => stopping.abort(), 20);
      const stop = async () => {
        stopped++;
      };
      return { ended: new Promise(() => undefined), stop };
    });
    const io = { threads, signal: stopping.signal };
    const { exitCode, output, errors } = await scan([path], { ...SPLIT, threads: 3 }, io);
    expect([exitCode, output, stopped]).toEqual([1, "", 2]);
    expect(errors).toBe("tailrace scan: interrupted; nothing is printed\n");
  });

  test("draws how far all threads are", async () => {
    const path = temporaryFile("a.log", content);
    const { threads } = watchedThreads();
    let now = 0;
    const clock = { now: () => 0, monotonic: () => (now += 60) };
    const platform = { ...realPlatform, clock };
    const io = { threads, platform, isTerminal: true };
    const { errors } = await scan([path], { ...SPLIT, threads: 2 }, io);
    expect(errors).toContain(" %  ");
    expect(errors.split("\u001b[K").length).toBeGreaterThan(3);
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
    for (const threads of ["0", "-1", "1.5", "two", "257", "1000"]) {
      await expect(run({ threads })).rejects.toThrow(`--threads ${threads} is not a whole number`);
    }
  });

  test("takes a count of threads", async () => {
    expect((await run({ threads: "256" })).exitCode).toBe(0);
  });
});
