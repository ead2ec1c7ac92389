import fc from "fast-check";
import { expect, test } from "vitest";
import { runScan } from "../../agent/commands/scan.ts";
import { pieces, testIo } from "../unit/agent/commands/test-io.ts";

/**
 * The meaning of a JSON line written down once more and plainly, with JSON.parse and nothing of the program: what `scan` must find.
 * It knows one form of a time only; lines whose time a broken byte turned into another form that may be valid are left out.
 */
interface Row {
  requestCount: number;
  levels: Record<string, number>;
  durations: number[];
}

const LEVELS: Record<string, string> = {
  TRACE: "TRACE",
  DEBUG: "DEBUG",
  D: "DEBUG",
  INFO: "INFO",
  NOTICE: "INFO",
  WARN: "WARN",
  WARNING: "WARN",
  ERROR: "ERROR",
  SEVERE: "ERROR",
  CRITICAL: "FATAL",
  FATAL: "FATAL",
};

const PLAIN_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** Text of these characters may be a time in another form. */
const PERHAPS_A_TIME = /^[-\dTtZzUuCcGgMm:/., +]{9,}$/;

function timeOf(fields: Map<string, unknown>): unknown {
  return (
    fields.get("timestamp") ?? fields.get("@timestamp") ?? fields.get("time") ?? fields.get("ts")
  );
}

/** True when the date of a plain time exists. */
function exists(time: string): boolean {
  const seconds = time.slice(0, 19);
  const ms = Date.parse(`${seconds}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === seconds;
}

/** False when the line has a time that only the program could judge. */
function canBeRecounted(line: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    if (typeof value !== "object" || value === null) return true;
    const time = timeOf(new Map<string, unknown>(Object.entries(value)));
    if (typeof time === "number") return time < 1e8;
    return typeof time !== "string" || PLAIN_TIME.test(time) || !PERHAPS_A_TIME.test(time);
  } catch {
    // No JSON at all: rejected by both.
    return true;
  }
}

function recount(lines: readonly Buffer[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const bytes of lines) {
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString("utf8"));
    } catch {
      // A broken line counts nowhere.
      continue;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
    const fields = new Map<string, unknown>(Object.entries(value));
    const time = timeOf(fields);
    if (typeof time !== "string" || !PLAIN_TIME.test(time) || !exists(time)) continue;
    const service = fields.get("service") ?? fields.get("service.name");
    const name = typeof service === "string" && service !== "" ? service.toWellFormed() : "stdin";
    const key = `${time.slice(0, 16)}:00.000Z ${name}`;
    const row = rows.get(key) ?? { requestCount: 0, levels: {}, durations: [] };
    rows.set(key, row);
    row.requestCount++;
    const level = fields.get("level") ?? fields.get("severity") ?? fields.get("lvl") ?? "INFO";
    const known = typeof level === "string" ? (LEVELS[level.toUpperCase()] ?? "OTHER") : "OTHER";
    row.levels[known] = (row.levels[known] ?? 0) + 1;
    const duration = fields.get("duration") ?? fields.get("duration_ms");
    if (typeof duration === "number" && duration >= 0 && duration < 2 ** 30) {
      row.durations.push(Math.floor(duration * 1000 + 0.5));
    }
  }
  return rows;
}

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
/** JSON text of a string, some of its characters escaped without need. */
const quoted = (text: string, escapes: readonly boolean[]) =>
  `"${[...text].map((character, index) => (escapes[index % escapes.length] && character.length === 1 ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : JSON.stringify(character).slice(1, -1))).join("")}"`;
const maybeEscaped = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(
      text,
      fc.oneof(
        { weight: 4, arbitrary: fc.constant([false]) },
        { weight: 1, arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }) },
      ),
    )
    .map(([value, escapes]) => quoted(value, escapes));

const time = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .nat({ max: 180_000 })
      .map((ms) => `"${new Date(Date.UTC(2026, 10, 20, 10) + ms).toISOString()}"`),
  },
  {
    weight: 1,
    arbitrary: one(
      '"2026-02-30T10:00:00.000Z"',
      '"2026-11-20T10:60:00.000Z"',
      '"2026-11-20T24:00:00.000Z"',
      '"now"',
      "null",
      "12",
      "{}",
      '""',
      '"2026-11-20"',
    ),
  },
);
const service = fc.oneof(
  {
    weight: 5,
    arbitrary: maybeEscaped(
      one("orders-api", "a", "größe", "注文", "webhook-dispatcher", 'a"b', "a\\"),
    ),
  },
  {
    weight: 1,
    arbitrary: one(
      '""',
      "null",
      "7",
      '{"service":"x"}',
      '["x"]',
      '"\\ud800"',
      '" "',
      '"__proto__"',
      '"constructor"',
    ),
  },
);
const level = fc.oneof(
  {
    weight: 5,
    arbitrary: maybeEscaped(
      one("INFO", "warn", "Error", "CRITICAL", "severe", "d", "notice", "LOUD", ""),
    ),
  },
  { weight: 1, arbitrary: one("null", "{}", "true", '["INFO"]') },
);
const duration = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.integer({ min: 0, max: 2_000_000 }).map((value) => String(value / 10)),
  },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 2 ** 31, noNaN: true }).map(String) },
  {
    weight: 1,
    arbitrary: one(
      "0",
      "-0",
      "-0.0",
      "-1.5",
      "1e3",
      "1.5E-7",
      "1e400",
      "1073741824",
      "1073741823.999999",
      "0.0005",
      "0.30000000000000004",
      "9007199254740993",
      '"12.7"',
      "null",
      "true",
      "[1]",
      "01",
      "1.",
      ".5",
      "NaN",
      "0.12345678901234567890",
    ),
  },
);
const text = maybeEscaped(
  fc.oneof(
    one("ok", 'say "hi"', "C:\\x", "é", "", "🚀", "a\u2028b", '{"service":"fake"}'),
    fc.string({ maxLength: 20 }),
  ),
);
const nested = one(
  '{"service":"inner","timestamp":"2026-11-20T10:00:00.000Z","level":"FATAL","duration":99}',
  "[1,[2,{}]]",
  "{}",
  "[]",
  '{"a":{"b":{"duration":1}}}',
);
const field = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(
      one("message", "msg", "trace_id", "Service", "durations", "level ", ""),
      text,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(one("ctx", "x", "__proto__"), nested) },
  { weight: 1, arbitrary: fc.tuple(one("service", "service.name"), service) },
  { weight: 1, arbitrary: fc.tuple(one("timestamp", "time", "ts", "@timestamp"), time) },
  { weight: 1, arbitrary: fc.tuple(one("level", "severity", "lvl"), level) },
  { weight: 1, arbitrary: fc.tuple(one("duration", "duration_ms"), duration) },
);
const keyEscapes = fc.oneof(
  { weight: 12, arbitrary: fc.constant([false]) },
  { weight: 1, arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }) },
);
const space = fc.oneof(
  { weight: 9, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: one(" ", "\t", "\r", "\f", "\u00a0") },
);

const objectLine = fc
  .tuple(
    fc.tuple(time, service, level, duration),
    fc.array(field, { maxLength: 4 }),
    fc.nat(),
    keyEscapes,
    space,
    one("", "", "", "\r", " "),
  )
  .map(([[at, name, severity, took], extra, order, escapes, gap, ending]) => {
    const fields = [
      ["timestamp", at],
      ["service", name],
      ["level", severity],
      ["duration", took],
      ...extra,
    ];
    // Rotated, not shuffled: enough to put every field first and last.
    const shift = order % 3 === 0 ? order % fields.length : 0;
    const list = [...fields.slice(shift), ...fields.slice(0, shift)];
    const body = list
      .map(([key = "", value = ""]) => `${quoted(key, escapes)}${gap}:${value}`)
      .join(`,${gap}`);
    return Buffer.from(`${gap}{${body}}${ending}`);
  });
/** A line with one byte changed, removed or added, or cut short. */
const brokenLine = fc
  .tuple(objectLine, fc.nat(), fc.nat({ max: 255 }), one("change", "remove", "add", "cut"))
  .map(([line, where, byte, how]) => {
    const at = where % line.length;
    const kept = how === "add" ? at : at + 1;
    const middle = how === "remove" || how === "cut" ? [] : [byte];
    const end = how === "cut" ? Buffer.alloc(0) : line.subarray(kept);
    return Buffer.concat([line.subarray(0, at), Buffer.from(middle), end]);
  });
const oddLine = one(
  "",
  " ",
  "\t\r",
  "[]",
  "null",
  "1",
  '"x"',
  "{",
  "{}",
  "\ufeff{}",
  "\0",
  "words",
).map((odd) => Buffer.from(odd));
const line = fc
  .oneof(
    { weight: 8, arbitrary: objectLine },
    { weight: 2, arbitrary: brokenLine },
    { weight: 1, arbitrary: oddLine },
  )
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0x0a ? 0x0b : byte))))
  .filter(canBeRecounted);

test("scan equals a recount with JSON.parse on nasty lines, in whatever pieces they come", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 120 }),
      fc.integer({ min: 1, max: 4000 }),
      async (lines, pieceBytes) => {
        const all = Buffer.concat(
          lines.flatMap((bytes, index) => (index === 0 ? [bytes] : [Buffer.from("\n"), bytes])),
        );
        const parts: Buffer[] = [];
        for (let at = 0; at < all.length; at += pieceBytes)
          parts.push(all.subarray(at, at + pieceBytes));
        const io = testIo({ stdin: pieces(parts) });
        const exitCode = await runScan(
          {
            paths: ["-"],
            format: "json",
            timezone: "UTC",
            durationUnit: "ms",
            windowMinutes: 1,
            output: "ndjson",
          },
          io,
        );
        expect(exitCode).toBe(0);
        const found = new Map<string, unknown>();
        for (const row of io
          .output()
          .split("\n")
          .filter((text) => text !== "")
          .map((text) => JSON.parse(text))) {
          const { requestCount, errorCount, levels, avgLatency, latency } = row;
          found.set(`${row.windowStart} ${row.service}`, {
            requestCount,
            errorCount,
            levels,
            avgLatency,
            min: latency?.min ?? null,
            max: latency?.max ?? null,
          });
        }
        const expected = new Map<string, unknown>();
        for (const [key, { requestCount, levels, durations }] of recount(lines)) {
          const sum = durations.reduce((total, us) => total + us, 0);
          expected.set(key, {
            requestCount,
            errorCount: (levels["ERROR"] ?? 0) + (levels["FATAL"] ?? 0),
            levels,
            avgLatency: durations.length === 0 ? null : sum / 1000 / durations.length,
            min: durations.length === 0 ? null : Math.min(...durations) / 1000,
            max: durations.length === 0 ? null : Math.max(...durations) / 1000,
          });
        }
        expect(found).toEqual(expected);
      },
    ),
    { numRuns: 150 },
  );
});
