/**
 * The state of an operator as plain data, for the state store and across versions: JSON-safe, with a version of its own. Events and links
 * that several partial matches share are written once and shared again after reading; partial matches keep their places in the heap, so a
 * restored operator goes on exactly as the original would have.
 */
import { z } from "zod";
import { TailraceError } from "../../shared/errors.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Automaton } from "./automaton.ts";
import { KeyState, type PartialMatch, startOf } from "./key-state.ts";
import type { PatternOperator } from "./operator.ts";
import { type CepEvent, type HeldEvent, type Link, SharedBuffer } from "./shared-buffer.ts";

const VERSION = 1;
const START = -1;

const eventSchema = z.object({
  id: z.union([z.number(), z.string()]),
  ts: z.number(),
  key: z.string().nullable(),
  type: z.string().nullable(),
  fields: z.record(z.string(), z.unknown()),
});

/** [state, link or START, start ms, start order] */
const partialSchema = z.tuple([z.int(), z.int(), z.number(), z.int()]);

const keySchema = z.object({
  key: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  nextOrder: z.int(),
  /** [order, event] */
  events: z.array(z.tuple([z.int(), eventSchema])),
  /** [stage, event, link before or START], each after the one before it. */
  links: z.array(z.tuple([z.string(), z.int(), z.int()])),
  partials: z.array(partialSchema),
  completed: z.array(partialSchema),
});

const snapshotSchema = z.object({
  version: z.literal(VERSION),
  /** Fingerprint of the pattern. */
  pattern: z.string(),
  /** Null before the first one. */
  watermarkMs: z.number().nullable(),
  waiting: z.array(eventSchema),
  keys: z.array(keySchema),
});

/** An operator's state. The automaton is not in it: it is compiled from the rule again. */
export type OperatorSnapshot = z.output<typeof snapshotSchema>;

type KeySnapshot = z.output<typeof keySchema>;
type PartialSnapshot = z.output<typeof partialSchema>;

/** Takes the state of `operator`, between any two calls but not after it failed or the stream ended. */
export function takeSnapshot(operator: PatternOperator): OperatorSnapshot {
  const { watermarkMs } = operator;
  return {
    version: VERSION,
    pattern: operator.automaton.fingerprint,
    watermarkMs: watermarkMs === Number.NEGATIVE_INFINITY ? null : watermarkMs,
    waiting: operator.waitingEvents(),
    keys: [...operator.keys].map(([key, state]) => keySnapshot(key, state)),
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
  const { pattern, watermarkMs, waiting, keys } = parsed.data;
  const { automaton } = operator;
  const isSame = pattern === automaton.fingerprint;
  operator.restore({
    watermarkMs: watermarkMs ?? Number.NEGATIVE_INFINITY,
    waiting,
    keys: isSame ? keys.map((snapshot) => [snapshot.key, keyState(automaton, snapshot)]) : [],
  });
  return isSame;
}

function keySnapshot(key: Value, state: KeyState): KeySnapshot {
  const links = new Map<Link, number>();
  const events = new Map<HeldEvent, number>();
  const number = (link: Link | undefined): number => {
    // Those before come first: a loop instead of recursion, since a match can be long.
    const missing: Link[] = [];
    for (let at = link; at !== undefined && !links.has(at); at = at.before) missing.push(at);
    for (const next of missing.reverse()) {
      links.set(next, links.size);
      if (!events.has(next.held)) events.set(next.held, events.size);
    }
    return link === undefined ? START : (links.get(link) ?? START);
  };
  const partial = ({ state, link, startMs, startOrder }: PartialMatch): PartialSnapshot => [
    state.index,
    number(link),
    startMs,
    link === undefined ? START : startOrder,
  ];
  const partials = [...state.partials].map(partial);
  const completed = [...state.completed].map(partial);
  return {
    key,
    nextOrder: state.buffer.nextOrder,
    events: [...events.keys()].map(({ order, event }): [number, CepEvent] => [order, event]),
    links: [...links.keys()].map(({ stage, held, before }): [string, number, number] => [
      stage,
      events.get(held) ?? 0,
      before === undefined ? START : (links.get(before) ?? START),
    ]),
    partials,
    completed,
  };
}

function keyState(automaton: Automaton, snapshot: KeySnapshot): KeyState {
  const buffer = new SharedBuffer(snapshot.nextOrder);
  const state = new KeyState(buffer);
  const events: HeldEvent[] = snapshot.events.map(([order, event]) => ({
    event,
    order,
    references: 0,
  }));
  const links: Link[] = [];
  for (const [stage, eventAt, beforeAt] of snapshot.links) {
    const before = beforeAt === START ? undefined : at(links, beforeAt);
    links.push(buffer.link(stage, at(events, eventAt), before));
  }
  const partial = ([stateAt, linkAt, startMs, startOrder]: PartialSnapshot): PartialMatch => {
    if (linkAt === START) return startOf(automaton.start);
    const link = at(links, linkAt);
    buffer.lock(link);
    return { state: at(automaton.states, stateAt), link, startMs, startOrder };
  };
  for (const saved of snapshot.partials) state.partials.push(partial(saved));
  for (const saved of snapshot.completed) state.completed.push(partial(saved));
  return state;
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw corrupt(`there is no entry ${index} of ${items.length}`);
  return item;
}

function corrupt(why: string): TailraceError {
  return new TailraceError("STATE_CORRUPT", `the state of a rule cannot be read: ${why}`);
}
