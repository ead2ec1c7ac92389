/**
 * The state of one key as data and as bytes. Events and links that several partial matches share are written once and shared again after
 * reading; partial matches keep their places in the heap, so a restored key goes on exactly as the original would have.
 *
 * Bytes: format version (1 byte), deadline in ms (8 bytes, little-endian double), fingerprint of the pattern (16 bytes of ASCII), then the
 * data as JSON in UTF-8. A store can read the deadline, and a changed pattern be told, without decoding the rest.
 */
import { z } from "zod";
import { assert } from "../../shared/assert.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Automaton } from "./automaton.ts";
import { KeyState, type PartialMatch, startOf } from "./key-state.ts";
import { type CepEvent, type HeldEvent, type Link, SharedBuffer } from "./shared-buffer.ts";

const VERSION = 1;
const FINGERPRINT_AT = 9;
const JSON_AT = FINGERPRINT_AT + 16;
const START = -1;

/** An event, as snapshots hold it. */
export const eventSchema = z.object({
  id: z.union([z.number(), z.string()]),
  ts: z.number(),
  key: z.string().nullable(),
  type: z.string().nullable(),
  fields: z.record(z.string(), z.unknown()),
});

/** [state, link or START, start ms, start order] */
const partialSchema = z.tuple([z.int(), z.int(), z.number(), z.int()]);

/** The state of a key, JSON-safe. */
export const keySchema = z.object({
  key: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  nextOrder: z.int(),
  /** [order, event] */
  events: z.array(z.tuple([z.int(), eventSchema])),
  /** [stage, event, link before or START], each after the one before it. */
  links: z.array(z.tuple([z.string(), z.int(), z.int()])),
  partials: z.array(partialSchema),
  completed: z.array(partialSchema),
});

/** See {@link keySchema}. */
export type KeySnapshot = z.output<typeof keySchema>;
type PartialSnapshot = z.output<typeof partialSchema>;

/** The state of `key` as data. */
export function keySnapshot(key: Value, state: KeyState): KeySnapshot {
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

/** The state that a snapshot holds. Fails with STATE_CORRUPT when it refers to what is not there. */
export function keyState(automaton: Automaton, snapshot: KeySnapshot): KeyState {
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

/** The state of `key` as bytes; `deadlineMs` is when its oldest partial match ends, Infinity: never. */
export function encodeKeyState(
  automaton: Automaton,
  key: Value,
  state: KeyState,
  deadlineMs: number,
): Uint8Array {
  assert(automaton.fingerprint.length === JSON_AT - FINGERPRINT_AT, "fingerprint of other length");
  const json = Buffer.from(JSON.stringify(keySnapshot(key, state)), "utf8");
  const head = Buffer.alloc(JSON_AT);
  head.writeUInt8(VERSION, 0);
  head.writeDoubleLE(deadlineMs, 1);
  head.write(automaton.fingerprint, FINGERPRINT_AT, "latin1");
  return Buffer.concat([head, json]);
}

/** When the oldest partial match of an encoded key ends; Infinity: never. Fails with STATE_CORRUPT. */
export function encodedDeadlineMs(bytes: Uint8Array): number {
  return headOf(bytes).readDoubleLE(1);
}

/** The state that bytes hold; undefined: that of another pattern, which means nothing here. Fails with STATE_CORRUPT. */
export function decodeKeyState(
  automaton: Automaton,
  bytes: Uint8Array,
): { readonly key: Value; readonly state: KeyState } | undefined {
  const head = headOf(bytes);
  if (head.toString("latin1", FINGERPRINT_AT, JSON_AT) !== automaton.fingerprint) return undefined;
  const parsed = keySchema.safeParse(jsonOf(head.toString("utf8", JSON_AT)));
  if (!parsed.success) throw corrupt(z.prettifyError(parsed.error));
  return { key: parsed.data.key, state: keyState(automaton, parsed.data) };
}

function headOf(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < JSON_AT) throw corrupt(`a key has only ${buffer.length} bytes`);
  const version = buffer.readUInt8(0);
  if (version !== VERSION) throw corrupt(`format ${version} of a key is not ${VERSION}`);
  return buffer;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw corrupt(error.message);
    throw error;
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw corrupt(`there is no entry ${index} of ${items.length}`);
  return item;
}

/** STATE_CORRUPT, of the state of a rule. */
export function corrupt(why: string): TailraceError {
  return new TailraceError("STATE_CORRUPT", `the state of a rule cannot be read: ${why}`);
}
