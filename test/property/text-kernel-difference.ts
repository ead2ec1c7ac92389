/**
 * Compares the kernel for lines of text with the parsers on nasty lines, cut into calls at random, with changing contexts and takes in between.
 * `node test/property/text-kernel-difference.ts [cases] [first seed] [format]` runs many cases.
 */
import { openTextKernel } from "../../agent/kernel/kernel-module.ts";
import { textFormatOf } from "../../agent/kernel/text-formats.ts";
import { TextLineCounter } from "../../agent/kernel/text-line-counter.ts";
import { parsers } from "../../agent/parsers/registry.ts";
import { type EventLines, eventLines } from "../../agent/window/event-lines.ts";
import type { CountContext, LineCounter } from "../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../agent/window/parser-line-counter.ts";
import { present } from "../../shared/assert.ts";
import { DURATION_UNITS, type EventOptions } from "../../shared/events/event-options.ts";
import { seededRandom } from "../benchmark/log-lines.ts";
import { countedText } from "./json-reference.ts";
import { NastyText } from "./nasty-text.ts";
import { TEXT_KERNEL_FORMATS, type TextKernelFormat } from "./odd-text-lines.ts";
import { shrinkBlocks } from "./shrink-blocks.ts";

/** Whole lines that one call counts; some are followed by a take. */
interface Block {
  readonly lines: readonly Buffer[];
  readonly isUnterminated: boolean;
  readonly isTaken: boolean;
  readonly isInPlace: boolean;
  /** True when the lines before stand before them in the buffer of the call, as where a file is read. */
  readonly isBehind: boolean;
  readonly nowMs: number;
  readonly context: CountContext;
}

/** One case: everything that a seed decides. */
export interface TextCase {
  readonly seed: number;
  readonly format: TextKernelFormat;
  readonly options: EventOptions;
  readonly blocks: readonly Block[];
}

/** Two results that should be equal and are not, and the fewest lines found that still differ. */
export interface TextDifference {
  readonly case: TextCase;
  readonly expected: string;
  readonly actual: string;
}

/** Lines of the call before that stand before those of a call. */
const LINES_BEFORE = 3;
const ZONES = ["UTC", "UTC", "+05:30", "Europe/Berlin"];
const SERVICES = ["app", "orders-api", "", "größe", "x".repeat(65), "\ud800"];
const MAPPED: EventOptions["fields"][] = [
  { time: ["when", "time"], level: ["l", "level"], duration: ["took", "duration"] },
  { service: ["logger", "service"] },
  { duration: ["pid", "bytes"], message: ["msg"] },
];
/** Moments of the clock, which never goes back. */
const NOWS = [Date.UTC(2026, 10, 19, 10, 1), Date.UTC(2026, 10, 25), Date.UTC(2028, 1, 28, 10)];

/** The case of a seed. */
export function textCase(seed: number, wanted?: TextKernelFormat): TextCase {
  const random = seededRandom(seed);
  for (let number = 0; number < 10; number++) random();
  const pickOf = <Value>(values: readonly Value[]): Value =>
    present(values[Math.floor(random() * values.length)], "a value");
  const format = wanted ?? pickOf(TEXT_KERNEL_FORMATS);
  const nasty = new NastyText(format, random);
  const spoiled = nasty.pick([0, 0.1, 0.4, 0.7]);
  const lineCount = 10 + nasty.integer(600);
  const blockLinesMax = nasty.pick([1, 20, 400]);
  const isRepetitive = nasty.chance(0.3);
  const blocks: Block[] = [];
  let nowMs = nasty.pick(NOWS);
  for (let made = 0; made < lineCount; ) {
    const lines: Buffer[] = [];
    for (let count = 1 + nasty.integer(blockLinesMax); count > 0 && made < lineCount; count--) {
      const line = nasty.line(spoiled);
      const copies = isRepetitive ? 1 + nasty.integer(nasty.chance(0.01) ? 1000 : 3) : 1;
      for (let copy = 0; copy < copies; copy++) lines.push(line);
      made++;
    }
    nowMs = Math.max(nowMs, nasty.pick(NOWS)) + nasty.integer(120_000);
    blocks.push({
      lines,
      isUnterminated: nasty.chance(0.05),
      isTaken: nasty.chance(0.1),
      isInPlace: nasty.chance(0.5),
      isBehind: nasty.chance(0.5),
      nowMs,
      context: {
        service: nasty.chance(0.8) ? "app" : nasty.pick(SERVICES),
        eventTimeLimitMs: nasty.chance(0.7) ? Infinity : Date.UTC(2026, 10, 20, 10, 0, 59, 123),
        fileStart: blocks.length === 0 || nasty.chance(0.05),
        follows: nasty.chance(0.5),
        file: nasty.integer(2),
      },
    });
  }
  const options: EventOptions = {
    fields: nasty.chance(0.2) ? nasty.pick(MAPPED) : {},
    durationUnit: nasty.chance(0.6) ? "ms" : nasty.pick(DURATION_UNITS),
    timezone: nasty.pick(ZONES),
  };
  return { seed, format, options, blocks };
}

/** The first difference of a case, or undefined. `kernel`: another build than the product's. */
export function findTextDifference(each: TextCase, kernel?: URL): TextDifference | undefined {
  if (compare(each, kernel) === undefined) return undefined;
  const fewest = shrink(each, kernel);
  const found = compare(fewest, kernel);
  return found && { ...found, case: fewest };
}

function compare(
  each: TextCase,
  kernel: URL | undefined,
): Omit<TextDifference, "case"> | undefined {
  const expected = countedTexts(each);
  const actual = kernelTexts(each, kernel);
  return expected === actual ? undefined : { expected, actual };
}

function linesOf(format: TextKernelFormat, options: EventOptions): EventLines | undefined {
  const definition = parsers[format];
  return eventLines(definition, definition.compile(options), options.multiline);
}

function parserCounter(format: TextKernelFormat, options: EventOptions): ParserLineCounter {
  return new ParserLineCounter({
    stream: "test",
    parser: parsers[format].compile(options),
    servicesMax: 100_000,
    lines: linesOf(format, options),
  });
}

/** What the parser counts of a case, as one text. */
export function countedTexts(each: TextCase): string {
  return texts(each, (options) => parserCounter(each.format, options));
}

/** What the kernel counts of a case; the same text when all is well. */
export function kernelTexts(each: TextCase, kernel?: URL): string {
  return texts(each, (options) => {
    const remainder = parserCounter(each.format, options);
    const format = textFormatOf(each.format, options, linesOf(each.format, options));
    // Under some options the parser alone counts, as in the product.
    if (format === undefined) return remainder;
    return new TextLineCounter(format, options, remainder, openTextKernel(kernel));
  });
}

function texts(each: TextCase, open: (options: EventOptions) => LineCounter): string {
  let nowMs = 0;
  const counter = open({ ...each.options, nowMs: () => nowMs });
  const parts: string[] = [];
  const seen: string[] = [];
  let linesBefore: readonly Buffer[] = [];
  for (const block of each.blocks) {
    nowMs = block.nowMs;
    const onRejected = (reason: string, position: number) => seen.push(`${reason} ${position}`);
    const context = { ...block.context, onRejected };
    const last = block.isUnterminated ? block.lines.at(-1) : undefined;
    const whole = last === undefined ? block.lines : block.lines.slice(0, -1);
    const before = block.isBehind ? textOf(linesBefore) : Buffer.alloc(0);
    linesBefore = block.lines.slice(-LINES_BEFORE);
    let buffer: Buffer = Buffer.concat([before, textOf(whole)]);
    const to = buffer.length;
    const { readBuffer } = counter;
    if (block.isInPlace && readBuffer !== undefined && to <= readBuffer.length) {
      buffer.copy(readBuffer);
      buffer = readBuffer;
    }
    counter.count(buffer, before.length, to, context);
    if (last !== undefined) counter.countUnterminated(last, { ...context, fileStart: false });
    if (block.isTaken) parts.push(countedText(counter.take()));
  }
  return [...parts, countedText(counter.take()), `${counter.lineCount} lines`, ...seen].join(
    "\n\n",
  );
}

function textOf(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]));
}

/** Leaves out blocks and lines while the case still differs. */
function shrink(each: TextCase, kernel: URL | undefined): TextCase {
  const differs = (blocks: readonly Block[]) => compare({ ...each, blocks }, kernel) !== undefined;
  return { ...each, blocks: shrinkBlocks(each.blocks, differs) };
}

/** A report of a difference for people. */
export function textDifferenceText({ case: each, expected, actual }: TextDifference): string {
  const shown = each.blocks.flatMap(({ lines }) => [
    "call",
    ...lines.map((line) => JSON.stringify(line.toString("latin1")).slice(0, 400)),
  ]);
  return [
    `seed ${each.seed}: the kernel differs on lines of ${each.format} with ${JSON.stringify(each.options)}`,
    ...shown.slice(0, 60),
    "expected",
    expected.slice(0, 3000),
    "actual",
    actual.slice(0, 3000),
  ].join("\n");
}

if (import.meta.main) {
  const [cases = "200", first = "1", wanted] = process.argv.slice(2);
  const format = TEXT_KERNEL_FORMATS.find((name) => name === wanted);
  for (let seed = Number(first); seed < Number(first) + Number(cases); seed++) {
    const difference = findTextDifference(textCase(seed, format));
    if (difference !== undefined) {
      process.stdout.write(`${textDifferenceText(difference)}\n`);
      process.exit(1);
    }
  }
  process.stdout.write(`${cases} cases: no difference\n`);
}
