import fc from "fast-check";
import { expect, test } from "vitest";
import type { ParserName } from "../../agent/parsers/registry.ts";
import { CollectedWindows } from "../../agent/scan/collected-windows.ts";
import { countingOptions, countParts, type ScanJob } from "../../agent/scan/count-parts.ts";
import type { FormatFlags } from "../../agent/scan/event-options-flags.ts";
import { packWindows, unpackWindows } from "../../agent/scan/packed-windows.ts";
import { planParts, type ScanPart } from "../../agent/scan/scan-plan.ts";
import { countsByInput, reportInput } from "../../agent/scan/scan-report.ts";
import { isCountedByLine } from "../../agent/window/create-line-counter.ts";
import { windowJsonText } from "../../shared/aggregates/window-json-text.ts";
import type { DiskFile } from "../../shared/platform/disk.ts";
import { realDisk } from "../../shared/platform/real-disk.ts";
import { seededRandom } from "../benchmark/log-lines.ts";
import { pieces } from "../unit/agent/commands/test-io.ts";
import { NastyLines } from "./nasty-lines.ts";
import { ODD_TEXT_LINES } from "./odd-text-lines.ts";

/**
 * However a file is cut into ranges, and whichever thread counts which: the windows, the counts of lines and what is said of rejected lines are those
 * of the file counted from its beginning to its end.
 */

const LINE_BYTES_MAX = 400;
/** A moment at which the last days of December belong to the year before. */
const NOW_MS = Date.UTC(2026, 0, 2);
const FORMATS = {
  json: {},
  logfmt: {},
  syslog: {},
  "access-log": {},
  csv: { columns: ["time", "level", "duration"] },
  text: { multiline: { mode: "off" } },
} as const satisfies Partial<Record<ParserName, object>>;
const CSV_LINES = ["time,level,duration", "2026-11-20T10:00:59Z,ERROR,5", '"2026-11-20 10:01",,x'];

interface Case {
  readonly seed: number;
  readonly format: keyof typeof FORMATS;
  readonly lineCount: number;
  /** Places where the file is cut, in thousandths of its length. */
  readonly cuts: readonly number[];
  readonly threads: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  seed: fc.nat(),
  format: fc.constantFrom("json", "json", "json", "logfmt", "syslog", "access-log", "csv", "text"),
  lineCount: fc.integer({ min: 0, max: 300 }),
  cuts: fc.array(fc.nat({ max: 1000 }), { maxLength: 12 }),
  threads: fc.integer({ min: 1, max: 4 }),
});

/** Lines of a format, nasty ones among them: some too long, some with CRLF, perhaps a byte order mark, perhaps no line feed at the end. */
function contentOf({ seed, format, lineCount }: Case): Buffer {
  const random = seededRandom(seed);
  const nasty = new NastyLines(seed);
  const odd = format === "json" ? [] : format === "csv" ? CSV_LINES : ODD_TEXT_LINES[format];
  const lines: Buffer[] = random() < 0.2 ? [Buffer.from("\ufeff")] : [];
  for (let line = 0; line < lineCount; line++) {
    const chance = random();
    if (chance < 0.02) lines.push(Buffer.from("x".repeat(LINE_BYTES_MAX * random() * 8)));
    else if (odd.length === 0) lines.push(nasty.line(0.3));
    else lines.push(Buffer.from(odd[Math.floor(random() * odd.length)] ?? ""));
    const isEnd = line + 1 === lineCount && random() < 0.5;
    lines.push(Buffer.from(isEnd ? "" : random() < 0.2 ? "\r\n" : "\n"));
  }
  return Buffer.concat(lines);
}

/** A file that is delivered in pieces of random length. */
function fileOf(content: Buffer, random: () => number): DiskFile {
  const refuse = () => Promise.reject(new Error("it is only read"));
  return {
    read: async (target, targetOffset, length, position) => {
      const bytes = Math.min(length, 1 + Math.floor(random() * 5000));
      return content.copy(target, targetOffset, position, position + bytes);
    },
    stat: async () => ({
      ...{ device: "1", inode: "2", birthMs: undefined, modifiedMs: 0 },
      ...{ bytes: content.length, kind: "file" },
    }),
    close: async () => undefined,
    ...{ write: refuse, sync: refuse, truncate: refuse },
  };
}

function rangesOf(content: Buffer, { cuts, format }: Case): ScanPart[] {
  const places = cuts.map((cut) => Math.floor((cut * content.length) / 1000));
  const borders = [...new Set([0, ...places])].toSorted((a, b) => a - b);
  return borders.map((from, index) => {
    const to = borders[index + 1] ?? Number.POSITIVE_INFINITY;
    return { input: 0, path: "app.log", format, range: { from, to, identity: "1 2" } };
  });
}

/** What `scan` would print and say, counted on so many threads, which take parts at random. */
async function scan(content: Buffer, parts: readonly ScanPart[], given: Case, threads: number) {
  const random = seededRandom(given.seed + threads);
  const flags: FormatFlags = {
    format: given.format,
    timezone: "Europe/Berlin",
    durationUnit: "ms",
    ...FORMATS[given.format],
  };
  expect(
    isCountedByLine(
      given.format,
      countingOptions(flags, given.format, () => 0),
    ),
  ).toBe(true);
  const job: ScanJob = { flags, parts, lineBytesMax: LINE_BYTES_MAX, nowMs: NOW_MS };
  const owners = parts.map(() => Math.floor(random() * threads));
  const windows = new CollectedWindows(1);
  const counts = [];
  for (let thread = 0; thread < threads; thread++) {
    const mine = [...owners.keys()].filter((part) => owners[part] === thread);
    if (random() < 0.5) mine.reverse();
    const shell = {
      ...{ disk: { ...realDisk, open: async () => fileOf(content, random) }, stdin: pieces([]) },
      nowMs: () => Number.NaN,
      nextPart: () => mine.shift(),
      onWindows: (deltas: Parameters<typeof packWindows>[0]) =>
        windows.add(unpackWindows(packWindows(deltas))),
      onRead: () => undefined,
      signal: new AbortController().signal,
    };
    counts.push(...(await countParts(job, shell)));
  }
  const rows = windows.sorted().map(({ service, minute, aggregate }) => {
    const facts = { stream: "s", service, minute, windowMinutes: 1, aggregate };
    return windowJsonText(facts) + JSON.stringify(aggregate.sketch);
  });
  const byInput = countsByInput(parts, counts).get(0) ?? [];
  const lineCount = byInput.reduce((sum, count) => sum + count.lineCount, 0);
  const input = { path: "app.log", isAuto: false, choice: undefined };
  return { rows, lineCount, report: reportInput(input, byInput) };
}

test("ranges on any threads give what the whole file gives", async () => {
  let rowCount = 0;
  let rejectedCount = 0;
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      const content = contentOf(given);
      const input = { path: "app.log", kind: "file", bytes: content.length, identity: "" } as const;
      const expected = await scan(content, planParts([input], given.format), given, 1);
      const found = await scan(content, rangesOf(content, given), given, given.threads);
      expect(found).toEqual(expected);
      rowCount += found.rows.length;
      rejectedCount += found.report.lines.length;
    }),
    { numRuns: 200 },
  );
  // The lines are worth counting: there is something to differ in.
  expect(rowCount).toBeGreaterThan(1000);
  expect(rejectedCount).toBeGreaterThan(50);
}, 120_000);
