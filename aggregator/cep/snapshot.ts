/**
 * The state of a whole operator as plain data, JSON-safe, with a version of its own: for small rules and across versions. A store with many
 * keys writes each changed key for itself instead: {@link file://./key-codec.ts}.
 */
import { z } from "zod";
import type { Value } from "../../shared/expression/parse.ts";
import { corrupt, eventSchema, keySchema, keySnapshot, keyState } from "./key-codec.ts";
import type { PatternOperator } from "./operator.ts";

const VERSION = 1;

const snapshotSchema = z.object({
  version: z.literal(VERSION),
  /** Fingerprint of the pattern. */
  pattern: z.string(),
  /** Null before the first one. */
  watermarkMs: z.number().nullable(),
  waiting: z.array(eventSchema),
  keys: z.array(keySchema),
  /** [ms, key] as they stand in the heap; empty when their order does not matter, or it was not kept. */
  timers: z.array(z.tuple([z.number(), keySchema.shape.key])).default([]),
});

/** An operator's state. The automaton is not in it: it is compiled from the rule again. */
export type OperatorSnapshot = z.output<typeof snapshotSchema>;

/** Takes the state of `operator`, between any two calls but not after it failed or the stream ended. Keys that a store keeps are not in it. */
export function takeSnapshot(operator: PatternOperator): OperatorSnapshot {
  const { watermarkMs } = operator;
  return {
    version: VERSION,
    pattern: operator.automaton.fingerprint,
    watermarkMs: watermarkMs === Number.NEGATIVE_INFINITY ? null : watermarkMs,
    waiting: operator.waitingEvents(),
    keys: [...operator.keys].map(([key, state]) => keySnapshot(key, state)),
    timers: (operator.timers() ?? []).map(({ ms, key }): [number, Value] => [ms, key]),
  };
}

/**
 * Puts a snapshot into a new operator. False: it is that of another pattern, whose partial matches mean nothing here; the operator starts
 * anew from the snapshot's watermark and waiting events, and the caller says that the partial matches are dropped. Fails with
 * STATE_CORRUPT (retry never) and leaves the operator unusable.
 */
export function restoreSnapshot(operator: PatternOperator, value: unknown): boolean {
  const parsed = snapshotSchema.safeParse(value);
  if (!parsed.success) throw corrupt(z.prettifyError(parsed.error));
  const { pattern, watermarkMs, waiting, keys, timers } = parsed.data;
  const { automaton } = operator;
  const isSame = pattern === automaton.fingerprint;
  operator.restore({
    watermarkMs: watermarkMs ?? Number.NEGATIVE_INFINITY,
    waiting,
    timers: timers.map(([ms, key]) => ({ ms, key })),
    keys: isSame ? keys.map((snapshot) => [snapshot.key, keyState(automaton, snapshot)]) : [],
  });
  return isSame;
}
