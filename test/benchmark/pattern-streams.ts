/** The two streams on which pattern engines are compared, the same at every run. */
import type { Pattern } from "../../aggregator/cep/pattern.ts";
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";

/** How far events come behind the newest, ms. */
export const OUT_OF_ORDERNESS_MS = 1000;

/** A pattern and its stream. */
export interface PatternStream {
  readonly pattern: Pattern;
  /** The event of an id, which counts from 0. */
  readonly event: (id: number, next: () => number) => CepEvent;
}

/** Mulberry32. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** 100,000 users, of whom nearly none does what the rule looks for. */
export const fraud: PatternStream = {
  pattern: {
    key: "userId",
    within: 300_000,
    stages: [
      { name: "first", where: "type == 'TRANSACTION' && amount > 10000" },
      { name: "second", contiguity: "next", where: "type == 'TRANSACTION' && amount > 5000" },
    ],
  },
  event: (id, next) => {
    const userId = `user-${Math.floor(next() * 100_000)}`;
    const amount = Math.floor(-Math.log(1 - next()) * 3000 * 100) / 100;
    const ts = 1_700_000_000_000 + id + Math.floor(next() * OUT_OF_ORDERNESS_MS);
    return { id, ts, key: null, type: "TRANSACTION", fields: { userId, amount } };
  },
};

/** One measurement of each of 40 services every 15 seconds; a service is slow now and then for some in a row. */
export const degradation: PatternStream = {
  pattern: {
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
  },
  event: (id, next) => {
    const service = `service-${id % 40}`;
    const isSlow = Math.sin(id / 40 / 6 + (id % 40)) > 0.8;
    const responseTime = isSlow ? 400 + next() * 400 : 50 + next() * 160;
    const ts = 1_700_000_000_000 + Math.floor(id / 40) * 15_000 + (id % 40);
    return { id, ts, key: null, type: "METRIC", fields: { service, responseTime } };
  },
};
