/**
 * Events per second of CPU time for two rules: fraud over 100,000 users, where nearly no event matters, and degradation over 40 services
 * with every match wanted, where one event concerns dozens of partial matches. Run: node test/benchmark/cep.ts [events, default 400000]
 */
import { compilePattern } from "../../aggregator/cep/compile.ts";
import { PatternOperator } from "../../aggregator/cep/operator.ts";
import type { Pattern } from "../../aggregator/cep/pattern.ts";
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";
import { present } from "../../shared/assert.ts";

const eventCount = Number(process.argv[2] ?? "400000");
const OUT_OF_ORDERNESS_MS = 1000;

/** Mulberry32: the same stream at every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const fraud: Pattern = {
  key: "userId",
  within: 300_000,
  stages: [
    { name: "first", where: "type == 'TRANSACTION' && amount > 10000" },
    { name: "second", contiguity: "next", where: "type == 'TRANSACTION' && amount > 5000" },
  ],
};

const degradation: Pattern = {
  key: "service",
  within: 600_000,
  stages: [
    {
      name: "normal",
      where: "responseTime < 200",
      times: { min: 3, max: null },
      consecutive: true,
    },
    {
      name: "degraded",
      contiguity: "next",
      where: "responseTime > 500",
      times: { min: 2, max: null },
      consecutive: true,
    },
  ],
};

function fraudEvent(id: number, next: () => number): CepEvent {
  const userId = `user-${Math.floor(next() * 100_000)}`;
  const amount = Math.floor(-Math.log(1 - next()) * 3000 * 100) / 100;
  const ts = 1_700_000_000_000 + id + Math.floor(next() * OUT_OF_ORDERNESS_MS);
  return { id, ts, key: null, type: "TRANSACTION", fields: { userId, amount } };
}

/** One measurement of each service every 15 seconds; a service is slow now and then for some measurements in a row. */
function degradationEvent(id: number, next: () => number): CepEvent {
  const service = `service-${id % 40}`;
  const isSlow = Math.sin(id / 40 / 6 + (id % 40)) > 0.8;
  const responseTime = isSlow ? 400 + next() * 400 : 50 + next() * 160;
  const ts = 1_700_000_000_000 + Math.floor(id / 40) * 15_000 + (id % 40);
  return { id, ts, key: null, type: "METRIC", fields: { service, responseTime } };
}

function measure(
  name: string,
  pattern: Pattern,
  make: (id: number, next: () => number) => CepEvent,
): void {
  const automaton = present(compilePattern(pattern).automaton, "automaton");
  const operator = new PatternOperator(automaton);
  const next = random(7);
  // Batches, as they come from the log: made outside of the measured time, the watermark moves after each.
  const batchEvents = 1000;
  let newestMs = Number.NEGATIVE_INFINITY;
  let matchCount = 0;
  let timeoutCount = 0;
  let cpuUs = 0;
  for (let id = 0; id < eventCount; ) {
    const batch: CepEvent[] = [];
    for (const to = id + batchEvents; id < to; id++) batch.push(make(id, next));
    const before = process.cpuUsage();
    for (const event of batch) {
      operator.add(event);
      if (event.ts > newestMs) newestMs = event.ts;
    }
    operator.advance(newestMs - OUT_OF_ORDERNESS_MS - 1, ({ kind }) => {
      if (kind === "match") matchCount++;
      else timeoutCount++;
    });
    const { user, system } = process.cpuUsage(before);
    cpuUs += user + system;
  }
  const perSecond = Math.round(eventCount / (cpuUs / 1e6)).toLocaleString("en");
  const heapMiB = Math.round(process.memoryUsage().heapUsed / 2 ** 20);
  const found = `${matchCount} matches, ${timeoutCount} timeouts`;
  process.stdout.write(
    `${name}: ${perSecond} events per CPU second, ${found}, ${operator.keyCount} keys live, heap ${heapMiB} MiB\n`,
  );
}

measure("fraud, 100,000 users", fraud, fraudEvent);
measure("degradation, 40 services, noSkip", degradation, degradationEvent);
measure(
  "degradation, 40 services, skipPastLastEvent",
  { ...degradation, skip: "skipPastLastEvent" },
  degradationEvent,
);
