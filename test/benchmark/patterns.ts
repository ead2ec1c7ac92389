/**
 * The pattern engine: events per second of CPU time on two streams, beside a baseline that is written for the first of them by hand; bytes
 * of memory that a partial match needs; that memory stays flat; and what agents save by selectors.
 * Run: node --expose-gc test/benchmark/patterns.ts [events, default 400000] [events of the memory run, default 2000000]
 */
import { compilePattern } from "../../aggregator/cep/compile.ts";
import { PatternOperator } from "../../aggregator/cep/operator.ts";
import { present } from "../../shared/assert.ts";
import {
  degradation,
  fraud,
  OUT_OF_ORDERNESS_MS,
  type PatternStream,
  random,
} from "./pattern-streams.ts";
import { selectorSavings } from "./selector-savings.ts";

const eventCount = Number(process.argv[2] ?? "400000");
const memoryEventCount = Number(process.argv[3] ?? "2000000");

// Batches, as they come from the log: made outside of the measured time, the watermark moves after each.
const BATCH_EVENTS = 1000;

interface Engine {
  add(event: ReturnType<PatternStream["event"]>): void;
  advance(watermarkMs: number): void;
}

function operatorOf({ pattern }: PatternStream): PatternOperator {
  return new PatternOperator(present(compilePattern(pattern).automaton, "automaton"));
}

/** CPU microseconds that `engine` takes for `count` events. */
function feed(engine: Engine, stream: PatternStream, count: number, fromId = 0): number {
  const next = random(7 + fromId);
  let newestMs = Number.NEGATIVE_INFINITY;
  let cpuUs = 0;
  for (let id = fromId; id < fromId + count; ) {
    const batch = [];
    for (const to = id + BATCH_EVENTS; id < to; id++) batch.push(stream.event(id, next));
    const before = process.cpuUsage();
    for (const event of batch) {
      engine.add(event);
      if (event.ts > newestMs) newestMs = event.ts;
    }
    engine.advance(newestMs - OUT_OF_ORDERNESS_MS - 1);
    const { user, system } = process.cpuUsage(before);
    cpuUs += user + system;
  }
  return cpuUs;
}

/** What one would write for this very rule: sorts what the watermark passed, and remembers the last large payment of each user. */
class HandWrittenFraud implements Engine {
  matchCount = 0;
  #waiting: ReturnType<PatternStream["event"]>[] = [];
  readonly #large = new Map<unknown, number>();

  add(event: ReturnType<PatternStream["event"]>): void {
    this.#waiting.push(event);
  }

  advance(watermarkMs: number): void {
    const due = this.#waiting.filter(({ ts }) => ts <= watermarkMs).toSorted((a, b) => a.ts - b.ts);
    this.#waiting = this.#waiting.filter(({ ts }) => ts > watermarkMs);
    for (const { ts, type, fields } of due) {
      const { userId, amount } = fields;
      const isPayment = type === "TRANSACTION" && typeof amount === "number";
      const largeMs = this.#large.get(userId);
      if (largeMs !== undefined && isPayment && amount > 5000 && ts - largeMs < 300_000) {
        this.matchCount++;
      }
      if (isPayment && amount > 10_000) this.#large.set(userId, ts);
      else if (largeMs !== undefined) this.#large.delete(userId);
    }
  }
}

function measure(name: string, stream: PatternStream, baselineUs: number | undefined): void {
  const operator = operatorOf(stream);
  let matchCount = 0;
  let timeoutCount = 0;
  const cpuUs = feed(
    {
      add: (event) => operator.add(event),
      advance: (watermarkMs) =>
        operator.advance(watermarkMs, ({ kind }) => {
          if (kind === "match") matchCount++;
          else timeoutCount++;
        }),
    },
    stream,
    eventCount,
  );
  const perSecond = Math.round(eventCount / (cpuUs / 1e6)).toLocaleString("en");
  const ratio =
    baselineUs === undefined ? "" : ` (${(baselineUs / cpuUs).toFixed(2)} of hand-written)`;
  process.stdout.write(
    `${name}: ${perSecond} events per CPU second${ratio}; ${matchCount} matches, ${timeoutCount} timeouts\n`,
  );
}

function heapBytes(): number {
  present(globalThis.gc, "gc (run with --expose-gc)")();
  return process.memoryUsage().heapUsed;
}

/** Memory of keys that hold one partial match each, and of loops that hold dozens. */
function measurePartials(name: string, stream: PatternStream, count: number): void {
  const before = heapBytes();
  const operator = operatorOf(stream);
  const next = random(7);
  for (let id = 0; id < count; id++) operator.add(stream.event(id, next));
  operator.advance(1_700_000_000_000 + count * 2000, () => undefined);
  const bytes = heapBytes() - before;
  let partialCount = 0;
  for (const state of operator.keys.values()) partialCount += state.partials.size - 1;
  process.stdout.write(
    `${name}: ${Math.round(bytes / partialCount)} bytes a partial match, its events included (${partialCount} of ${operator.keyCount} keys)\n`,
  );
}

/** The heap after each tenth of the events. */
function measureFlatness(): void {
  const [operator, count] = [operatorOf(fraud), memoryEventCount / 10];
  const heaps: string[] = [];
  for (let part = 0; part < 10; part++) {
    feed(
      {
        add: (event) => operator.add(event),
        advance: (watermarkMs) => operator.advance(watermarkMs, () => undefined),
      },
      fraud,
      count,
      part * count,
    );
    heaps.push((heapBytes() / 2 ** 20).toFixed(1));
  }
  process.stdout.write(
    `fraud, ${memoryEventCount.toLocaleString("en")} events: heap after each tenth ${heaps.join(" ")} MiB\n`,
  );
}

const baseline = new HandWrittenFraud();
const baselineUs = feed(baseline, fraud, eventCount);
process.stdout.write(
  `fraud, hand-written: ${Math.round(eventCount / (baselineUs / 1e6)).toLocaleString("en")} events per CPU second; ${baseline.matchCount} matches\n`,
);
measure("fraud, 100,000 users", fraud, baselineUs);
measure("degradation, 40 services, noSkip", degradation, undefined);
measure(
  "degradation, 40 services, skipPastLastEvent",
  { ...degradation, pattern: { ...degradation.pattern, skip: "skipPastLastEvent" } },
  undefined,
);
const large = (id: number) => ({
  ...{ id, ts: 1_700_000_000_000 + (id % 1000), key: null, type: "TRANSACTION" },
  fields: { userId: `user-${id}`, amount: 20_000 },
});
const endless = { ...fraud.pattern, within: 365 * 86_400_000 };
measurePartials("fraud", { pattern: endless, event: large }, 100_000);
measurePartials(
  "degradation",
  { ...degradation, pattern: { ...degradation.pattern, within: 365 * 86_400_000 } },
  40 * 30,
);
measureFlatness();
process.stdout.write(selectorSavings());
