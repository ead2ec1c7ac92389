/**
 * Compares the kernel with the parser and with a plain reference on nasty lines, cut into calls at random, with changing contexts and
 * takes in between. `node test/property/kernel-difference.ts [cases] [first seed]` runs many cases.
 */
import { JsonLineCounter } from "../../agent/kernel/json-line-counter.ts";
import { openKernel } from "../../agent/kernel/kernel-module.ts";
import { parsers } from "../../agent/parsers/registry.ts";
import type { CountContext, Counted } from "../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../agent/window/parser-line-counter.ts";
import { DURATION_UNITS, type EventOptions } from "../../shared/events/event-options.ts";
import { logChunks } from "../benchmark/log-lines.ts";
import { countedText, JsonReference } from "./json-reference.ts";
import { NastyLines } from "./nasty-lines.ts";
import type { NastyValues } from "./nasty-values.ts";
import { shrinkBlocks } from "./shrink-blocks.ts";

/** What one case does: blocks of whole lines, each counted by one call; some are followed by a take. */
interface Block {
  readonly lines: readonly Buffer[];
  readonly isUnterminated: boolean;
  readonly isTaken: boolean;
  readonly isInPlace: boolean;
  readonly context: CountContext;
}

/** One case: everything that a seed decides. */
export interface NastyCase {
  readonly seed: number;
  readonly options: EventOptions;
  readonly blocks: readonly Block[];
}

/** Two results that should be equal and are not. */
export interface Difference {
  readonly seed: number;
  readonly between: string;
  readonly expected: string;
  readonly actual: string;
  /** The fewest lines found that still differ. */
  readonly lines: readonly Buffer[];
}

const MAPPED = {
  time: ["when", "timestamp"],
  service: ["app", "service"],
  level: ["l", "level"],
  duration: ["took", "duration"],
};
const ZONES = ["UTC", "UTC", "+05:30", "Europe/Berlin"];
const SERVICES = ["app", "orders-api", "", "größe", "x".repeat(64), "x".repeat(65), "\ud800"];

/** Masses of lines that fill what is bounded; rare, because they take long. */
const SPECIAL_BLOCKS: readonly ((values: NastyValues) => Buffer[])[] = [
  // More services and minutes than the kernel has slots for.
  (values) =>
    manyLines(10_000, () => {
      const minute = new Date(Date.UTC(2026, 10, 20) + values.integer(6000) * 60_000).toISOString();
      // Some have a shape of their own, so that they come to the full table another way.
      const shape = values.chance(0.3) ? `"x${values.integer(3000)}":0,` : "";
      const service = `"service":"s${values.integer(1500)}"`;
      return `{${shape}"timestamp":"${minute}",${service},"duration":${values.integer(999)}}`;
    }),
  // More services than it has names for, all with the same beginning.
  (values) =>
    manyLines(6000, (number) => {
      const service = `service-with-a-long-name-${1_000_000 + number}`;
      return `{"ts":1795000000,"service":"${service}","level":${values.plainLevel()}}`;
    }),
  // Durations of every size in many windows: more pages of buckets than there are.
  (values) =>
    manyLines(20_000, (number) => {
      const us = Math.floor(1000 * 2 ** (values.integer(3000) / 100));
      return `{"ts":${1_795_000_000 + (number % 1200) * 60},"duration":${us / 1000}}`;
    }),
  // A sum beyond 2^48 µs.
  () => manyLines(900, () => `{"ts":1795000000,"service":"long","duration":1073741823.25}`),
  // More shapes than the tree holds, again and again.
  (values) =>
    manyLines(9000, (number) => {
      const name = `name${Math.floor(number / 3) % 1500}`;
      return `{"ts":1795000000,"${name}":${values.integer(9)},"service":"s","x":"${number}"}`;
    }),
  // More lines for the parser in one go than the kernel's list holds.
  (values) => manyLines(9000, () => values.pick(["", "{", "x", "{}", "[1]"])),
];

function manyLines(count: number, line: (number: number) => string): Buffer[] {
  return Array.from({ length: count }, (_, number) => Buffer.from(line(number)));
}

/** The case of a seed. */
export function nastyCase(seed: number): NastyCase {
  const nasty = new NastyLines(seed);
  const { values } = nasty;
  const ordinary = ordinaryLines(seed);
  const spoiled = values.pick([0.02, 0.3, 1]);
  const ordinaryShare = values.pick([0, 0, 0.5]);
  const isRepetitive = values.chance(0.3);
  const lineCount = 10 + values.integer(1500);
  const blockLinesMax = values.pick([1, 20, 400, 2000]);
  const blocks: Block[] = [];
  for (let made = 0; made < lineCount; ) {
    const lines: Buffer[] = [];
    for (let count = 1 + values.integer(blockLinesMax); count > 0 && made < lineCount; count--) {
      const line = values.chance(ordinaryShare)
        ? (ordinary[values.integer(ordinary.length)] ?? Buffer.alloc(0))
        : nasty.line(spoiled);
      const copies = isRepetitive ? 1 + values.integer(3) : 1;
      for (let copy = 0; copy < copies; copy++) lines.push(line);
      made++;
    }
    blocks.push({
      lines,
      isUnterminated: values.chance(0.05),
      isTaken: values.chance(0.1),
      isInPlace: values.chance(0.5),
      context: {
        service: values.chance(0.8) ? "app" : values.pick(SERVICES),
        eventTimeLimitMs: values.chance(0.7) ? Infinity : timeLimitMs(values),
        fileStart: blocks.length === 0 || values.chance(0.05),
      },
    });
  }
  const special = SPECIAL_BLOCKS[values.integer(72)];
  if (special !== undefined) {
    const context = { service: "app", eventTimeLimitMs: Infinity };
    const plain = { isUnterminated: false, isTaken: false, isInPlace: false, context };
    blocks.splice(values.integer(blocks.length), 0, { ...plain, lines: special(values) });
  }
  const options: EventOptions = {
    fields: values.chance(0.2) ? MAPPED : {},
    durationUnit: values.chance(0.6) ? "ms" : values.pick(DURATION_UNITS),
    timezone: values.pick(ZONES),
  };
  return { seed, options, blocks };
}

/** Among the times of the lines; often exactly one that many have. */
function timeLimitMs(values: NastyValues): number {
  const minuteMs = Date.UTC(2026, 10, 20, 10, values.integer(3));
  return values.chance(0.5) ? minuteMs : minuteMs + values.integer(60_000) + values.pick([0, 0.5]);
}

function ordinaryLines(seed: number): Buffer[] {
  const lines: Buffer[] = [];
  for (const chunk of logChunks(50_000, seed)) {
    for (let at = 0, end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      lines.push(chunk.subarray(at, end));
      at = end + 1;
    }
  }
  return lines;
}

/** The first difference of a case, or undefined. `kernel`: another build than the product's. */
export function findDifference(nasty: NastyCase, kernel?: URL): Difference | undefined {
  const found = compare(nasty, kernel);
  if (found === undefined) return undefined;
  const fewest = shrink(nasty, kernel);
  const { between, expected, actual } = compare(fewest, kernel) ?? found;
  const lines = fewest.blocks.flatMap((block) => block.lines);
  return { seed: nasty.seed, between, expected, actual, lines };
}

type Comparison = Pick<Difference, "between" | "expected" | "actual">;

function compare(nasty: NastyCase, kernel: URL | undefined): Comparison | undefined {
  const slow = parserTexts(nasty);
  const reference = referenceTexts(nasty);
  if (slow !== reference) return { between: "parser", expected: reference, actual: slow };
  const fast = kernelTexts(nasty, kernel);
  return fast === slow ? undefined : { between: "kernel", expected: slow, actual: fast };
}

function parserCounter(options: EventOptions): ParserLineCounter {
  return new ParserLineCounter({
    stream: "test",
    parser: parsers.json.compile(options),
    servicesMax: 100_000,
  });
}

/** What the parser counts of a case, as one text. */
export function parserTexts({ options, blocks }: NastyCase): string {
  const counter = parserCounter(options);
  return texts(blocks, counter, () => countedText(counter.take()));
}

function referenceTexts({ options, blocks }: NastyCase): string {
  const counter = new JsonReference(options);
  return texts(blocks, counter, () => counter.takeText());
}

/** What the kernel counts of a case; the same text when all is well. */
export function kernelTexts({ options, blocks }: NastyCase, kernel?: URL): string {
  const counter = new JsonLineCounter(
    options,
    parserCounter(options),
    undefined,
    openKernel(kernel),
  );
  const lineCount = blocks.reduce((sum, block) => sum + linesIn(block), 0);
  const take = (): string => countedText(checked(counter.take()));
  const text = texts(blocks, counter, take, counter.readBuffer);
  // The host promises how many lines it saw, whichever way they went.
  return counter.lineCount === lineCount ? text : `${text}\n${counter.lineCount} lines`;
}

function checked(counted: Counted): Counted {
  for (const { aggregate } of counted.deltas) {
    const { bins } = aggregate.sketch;
    if (bins[0] === 0 || bins.at(-1) === 0) throw new Error("a sketch has an empty end");
  }
  return counted;
}

function linesIn(block: Block): number {
  const last = block.lines.at(-1);
  return block.lines.length - (block.isUnterminated && last?.length === 0 ? 1 : 0);
}

function texts(
  blocks: readonly Block[],
  counter: Pick<JsonLineCounter, "count" | "countUnterminated">,
  take: () => string,
  readBuffer?: Buffer,
): string {
  const parts: string[] = [];
  const seen: string[] = [];
  for (const block of blocks) {
    const onRejected = (reason: string, position: number) => seen.push(`${reason} ${position}`);
    const context = { ...block.context, onRejected };
    const last = block.isUnterminated ? block.lines.at(-1) : undefined;
    const whole = last === undefined ? block.lines : block.lines.slice(0, -1);
    let buffer: Buffer = Buffer.concat(whole.flatMap((line) => [line, Buffer.from("\n")]));
    const to = buffer.length;
    if (block.isInPlace && readBuffer !== undefined && to <= readBuffer.length) {
      buffer.copy(readBuffer);
      buffer = readBuffer;
    }
    counter.count(buffer, 0, to, context);
    if (last !== undefined) counter.countUnterminated(last, { ...context, fileStart: false });
    if (block.isTaken) parts.push(take());
  }
  return [...parts, take(), ...seen].join("\n\n");
}

/** Leaves out lines while the case still differs. */
function shrink(nasty: NastyCase, kernel: URL | undefined): NastyCase {
  const differs = (blocks: readonly Block[]) => compare({ ...nasty, blocks }, kernel) !== undefined;
  return { ...nasty, blocks: shrinkBlocks(nasty.blocks, differs) };
}

/** A report of a difference for people. */
export function differenceText(difference: Difference): string {
  const { seed, between, lines, expected, actual } = difference;
  const shown = lines.map((line) => JSON.stringify(line.toString("latin1")).slice(0, 500));
  return [
    `seed ${seed}: the ${between} differs on ${lines.length} lines`,
    ...shown.slice(0, 40),
    "expected",
    expected.slice(0, 3000),
    "actual",
    actual.slice(0, 3000),
  ].join("\n");
}

if (import.meta.main) {
  const [cases = "200", first = "1"] = process.argv.slice(2);
  let lines = 0;
  for (let seed = Number(first); seed < Number(first) + Number(cases); seed++) {
    const nasty = nastyCase(seed);
    lines += nasty.blocks.reduce((sum, block) => sum + block.lines.length, 0);
    const difference = findDifference(nasty);
    if (difference !== undefined) {
      process.stdout.write(`${differenceText(difference)}\n`);
      process.exit(1);
    }
  }
  process.stdout.write(`${cases} cases, ${lines} lines: no difference\n`);
}
