/** Compares the kernel with the parser where windows are kept apart by dimensions and sample lines are kept. */
import { JsonLineCounter } from "../../agent/kernel/json-line-counter.ts";
import { openKernel } from "../../agent/kernel/kernel-module.ts";
import { parsers } from "../../agent/parsers/registry.ts";
import { DetailCounter } from "../../agent/window/detail-counter.ts";
import type { LineCounter } from "../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../agent/window/parser-line-counter.ts";
import { dimensionsKey } from "../../shared/aggregates/dimensions.ts";
import { assert } from "../../shared/assert.ts";
import { aggregateConfig } from "../../shared/events/aggregate-config.ts";
import { compileAggregation } from "../../shared/events/compile-aggregation.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { compileRedaction } from "../../shared/redaction/compile-redaction.ts";
import { redactionConfig } from "../../shared/redaction/redaction-config.ts";
import { countedText } from "./json-reference.ts";
import type { NastyCase } from "./kernel-difference.ts";

const AGGREGATES = [
  { dimensions: ["a"] },
  {
    dimensions: ["trace_id", "pod", { name: "size", field: "größe" }],
    exemplars: { min_level: "INFO" },
  },
  { exemplars: { min_level: "ERROR", where: "duration > 3 || message != null" } },
  {
    dimensions: ["a", { name: "again", field: "a" }, "constructor", "host", "servic"],
    exemplars: { min_level: "WARN", where: "a != 'x'" },
  },
  { dimensions: ["name_of_16_chars", "msg", "levels", "name_of_11_"] },
] as const;
const PATHS = ["/var/log/app.log", "/var/log/pods/shop_cart-1_u1/web/0.log"];

/** More lines in one go than the kernel's list of noted ones holds, and values about as long as its keys. */
function masses(seed: number): Buffer {
  let text = "";
  for (let number = 0; number < 4200; number++) {
    const long = number % 50 === 0 ? "x".repeat((number * 7 + seed) % 300) : `v${number % 9}`;
    const time = 1_795_000_000 + (number % 100);
    text += `{"ts":${time},"level":"ERROR","a":"${long}","trace_id":"${number % 5}"}\n`;
  }
  return Buffer.from(text);
}

/** Both counters of a case: the parser's and the kernel's. */
function counters(seed: number, options: EventOptions, kernel: URL | undefined) {
  const config = aggregateConfig.parse({
    ...AGGREGATES[seed % AGGREGATES.length],
    max_series: 100_000,
  });
  const redactor = compileRedaction(redactionConfig.parse({}));
  const limits = { stream: "test", servicesMax: 1_000_000 };
  const make = () => {
    const detail = new DetailCounter({
      ...{ agent: "a", source: "s", host: "h", format: "json", ...limits },
      parser: parsers.json.compile(options),
      aggregation: compileAggregation(config, redactor),
    });
    const parser = parsers.json.compile(options);
    return { detail, counter: new ParserLineCounter({ ...limits, parser, detail }) };
  };
  const { detail, counter } = make();
  const fast = new JsonLineCounter(options, counter, detail.kernelTask, openKernel(kernel));
  return { slow: make().counter, fast };
}

function texts({ seed, blocks }: NastyCase, counter: LineCounter): string {
  const parts: string[] = [];
  let offset = 0;
  if (seed % 4 === 1) {
    const { readBuffer } = counter;
    const made = masses(seed);
    assert((readBuffer?.length ?? made.length) >= made.length, "they fit where files are read to");
    made.copy(readBuffer ?? made);
    const bytes = readBuffer?.subarray(0, made.length) ?? made;
    const context = { service: "app", eventTimeLimitMs: Infinity, file: 7, generation: 1, offset };
    counter.count(bytes, 0, bytes.length, context);
    offset += bytes.length;
  }
  for (const [number, { lines, isUnterminated, isTaken, isInPlace, context }] of blocks.entries()) {
    const path = PATHS[(number >> 2) % PATHS.length] ?? "";
    const place = { ...context, path, file: 7, generation: 1, offset };
    const last = isUnterminated ? lines.at(-1) : undefined;
    const whole = last === undefined ? lines : lines.slice(0, -1);
    let bytes: Buffer = Buffer.concat(whole.flatMap((line) => [line, Buffer.from("\n")]));
    const to = bytes.length;
    const { readBuffer } = counter;
    if (isInPlace && readBuffer !== undefined && to <= readBuffer.length) {
      bytes.copy(readBuffer);
      bytes = readBuffer;
    }
    counter.count(bytes, 0, to, place);
    offset += to;
    if (last !== undefined) {
      counter.countUnterminated(last, { ...place, offset, fileStart: false });
      offset += last.length;
    }
    if (isTaken) parts.push(takenText(counter));
  }
  return [...parts, takenText(counter)].join("\n\n");
}

function takenText(counter: LineCounter): string {
  const { deltas, ...others } = counter.take();
  const named = deltas.map(({ dimensions = {}, service, ...delta }) => ({
    ...delta,
    service: `${service} ${dimensionsKey(dimensions)}`,
  }));
  const samples = named.flatMap(({ service, minute, aggregate }) =>
    (aggregate.detail?.exemplars ?? []).map((sample) => JSON.stringify([service, minute, sample])),
  );
  return [countedText({ deltas: named, ...others }), ...samples.sort()].join("\n");
}

/** What parser and kernel make of a case, when they differ. `kernel`: another build than the product's. */
export function findDetailDifference(
  nasty: NastyCase,
  kernel?: URL,
): { readonly expected: string; readonly actual: string } | undefined {
  const { slow, fast } = counters(nasty.seed, nasty.options, kernel);
  const expected = texts(nasty, slow);
  const actual = texts(nasty, fast);
  return expected === actual ? undefined : { expected, actual };
}
