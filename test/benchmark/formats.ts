/**
 * What a line costs in each format: `node test/benchmark/formats.ts [MB] [runs]`.
 *
 * Every candidate counts its lines from memory in a process of its own, the candidates in turn, so that a busy machine harms all alike. The
 * baseline is JSON: split, JSON.parse, the same aggregation. All hold the same events; lines of `json-wide` have thirty fields, some of them
 * nested.
 */
import { spawnSync } from "node:child_process";
import { z } from "zod";
import { parsers } from "../../agent/parsers/registry.ts";
import { createLineCounter } from "../../agent/window/create-line-counter.ts";
import type { LineCounter } from "../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../agent/window/parser-line-counter.ts";
import { FORMAT_LINES, formatChunks, type MeasuredFormat, parserOf } from "./format-lines.ts";
import { logChunks } from "./log-lines.ts";

const SEED = 1;
const WARM_UP_CHUNKS = 8;
const OPTIONS = {
  fields: {},
  durationUnit: "ms",
  timezone: "UTC",
  nowMs: () => Date.now(),
} as const;

const found = z.strictObject({ cpuMs: z.number(), bytes: z.number(), lines: z.number() });
type Found = z.infer<typeof found>;

const NAMES = Object.keys(FORMAT_LINES);
const isMeasured = (name: string): name is MeasuredFormat => NAMES.includes(name);

function counterOf(name: string): LineCounter {
  if (isMeasured(name)) return createLineCounter({ ...OPTIONS, format: parserOf(name) });
  // JSON by JSON.parse, not by the kernel.
  return new ParserLineCounter({
    stream: "",
    parser: parsers.json.compile(OPTIONS),
    servicesMax: 10_000,
  });
}

function measure(name: string, bytes: number): Found {
  const chunks = [...(isMeasured(name) ? formatChunks(name, bytes, SEED) : logChunks(bytes, SEED))];
  const counter = counterOf(name);
  const context = { service: "web", eventTimeLimitMs: Number.POSITIVE_INFINITY };
  for (const chunk of chunks.slice(0, WARM_UP_CHUNKS))
    counter.count(chunk, 0, chunk.length, context);
  const linesBefore = counter.lineCount;
  const before = process.cpuUsage();
  let total = 0;
  for (const chunk of chunks) {
    counter.count(chunk, 0, chunk.length, context);
    total += chunk.length;
  }
  const { user, system } = process.cpuUsage(before);
  const rejected = counter.take().entries.find(({ kind }) => kind === "rejected");
  if (rejected !== undefined) throw new Error(`${name}: ${rejected.lines} lines rejected`);
  return { cpuMs: (user + system) / 1000, bytes: total, lines: counter.lineCount - linesBefore };
}

function inProcess(name: string, bytes: number): Found {
  const child = spawnSync(process.execPath, [import.meta.filename, "measure", name, String(bytes)]);
  if (child.status !== 0)
    throw new Error(`${name} ended with ${child.status}: ${child.stderr.toString()}`);
  return found.parse(JSON.parse(child.stdout.toString()));
}

function report(runs: ReadonlyMap<string, Found[]>): string {
  const perGb = (name: string): number => {
    const seconds = (runs.get(name) ?? []).map(({ cpuMs, bytes }) => (cpuMs / bytes) * 1e6);
    return seconds.toSorted((left, right) => left - right)[seconds.length >> 1] ?? Number.NaN;
  };
  const lines = [...runs].map(([name, [first]]) => {
    const { bytes = 0, lines: count = 1 } = first ?? {};
    return [
      name.padEnd(12),
      perGb(name).toFixed(2).padStart(10),
      `${(perGb("baseline") / perGb(name)).toFixed(1)}×`.padStart(6),
      ((perGb(name) * bytes) / count).toFixed(0).padStart(8),
      (bytes / count).toFixed(0).padStart(7),
    ].join("  ");
  });
  return ["              CPU s/GB   ratio   ns/line  B/line", ...lines, ""].join("\n");
}

if (import.meta.main) {
  const [first = "64", second = "3", third] = process.argv.slice(2);
  if (first === "measure") process.stdout.write(JSON.stringify(measure(second, Number(third))));
  else {
    const runs = new Map<string, Found[]>(["baseline", ...NAMES].map((name) => [name, []]));
    for (let round = 0; round < Number(second); round++) {
      for (const [name, each] of runs) each.push(inProcess(name, Number(first) * 1e6));
    }
    process.stdout.write(report(runs));
  }
}
