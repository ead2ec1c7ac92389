/**
 * How alerts come to Kafka exactly once. The sink counts the alerts it has dealt with. The count is kept twice: with the delivery's cursor, and in
 * Kafka, moved by the very transaction that writes the alerts. A crash between the two leaves Kafka's count ahead; the alerts that come
 * again then, at once or one by one, are those by which it is ahead, and are left out. Beside Kafka's count stands what tells the alerts of the
 * last write, and which of them had been refused, since their dead letters were not kept yet.
 *
 * The count belongs to a random id, drawn when the sink is opened for the first time: a new data directory counts on its own. Kafka keeps it
 * as the offset of a group without members, which brokers forget some days after the last alert (`offsets.retention.minutes`): the count
 * with the cursor is then the only one, and right, unless the last write was the one that a crash cut off.
 */
import { createHash } from "node:crypto";
import type { KafkaCursor } from "../kafka/kafka-producer.ts";
import type { Result } from "./sink.ts";

const ID_BYTES = 8;
/** Of the two bytes that Kafka keeps for each alert of the last write. */
const REFUSED = 0x8000;

/** Whose count it is, and the count that is kept with the delivery's cursor. */
export interface SinkPlace {
  /** Hex digits. */
  readonly id: string;
  readonly count: number;
}

/** The place that a sink's position says, or a new one. `drawBytes` gives random bytes. */
export function placeOfPosition(
  position: string | undefined,
  drawBytes: (count: number) => Buffer,
): SinkPlace {
  const [, id, count] = /^([0-9a-f]+) (\d+)$/.exec(position ?? "") ?? [];
  if (id === undefined) return { id: drawBytes(ID_BYTES).toString("hex"), count: 0 };
  return { id, count: Number(count) };
}

/** The position that {@link placeOfPosition} reads. */
export function positionOfPlace(place: SinkPlace): string {
  return `${place.id} ${place.count}`;
}

/** The cursor after `results`, of which those at the indexes `refused` were not written. Its note holds two bytes for each. */
export function cursorAfter(
  place: SinkPlace,
  results: readonly Result[],
  refused: readonly number[],
): KafkaCursor {
  const note = Buffer.alloc(2 * results.length);
  for (const [index, { id }] of results.entries()) {
    const flag = refused.includes(index) ? REFUSED : 0;
    note.writeUInt16LE(markOf(id) | flag, 2 * index);
  }
  return { number: place.count + results.length, note: note.toString("base64") };
}

/** What of `results` was dealt with before: so many of the first, and which of these were refused. */
export interface DealtWith {
  readonly count: number;
  readonly refused: readonly number[];
}

/**
 * How many of `results`, the next ones after `place`, Kafka's cursor says were dealt with. Undefined when the cursor tells of other ones: the
 * state is older than Kafka's, and nobody can say.
 */
export function dealtWith(
  place: SinkPlace,
  results: readonly Result[],
  cursor: KafkaCursor | undefined,
): DealtWith | undefined {
  const ahead = (cursor?.number ?? 0) - place.count;
  if (cursor === undefined || ahead <= 0) return { count: 0, refused: [] };
  const note = Buffer.from(cursor.note, "base64");
  const first = note.length / 2 - ahead;
  if (first < 0) return undefined;
  const refused: number[] = [];
  const count = Math.min(results.length, ahead);
  for (let index = 0; index < count; index++) {
    const mark = note.readUInt16LE(2 * (first + index));
    if ((mark & ~REFUSED) !== markOf(results[index]?.id ?? "")) return undefined;
    if ((mark & REFUSED) !== 0) refused.push(index);
  }
  return { count, refused };
}

/** Fifteen bits that tell an alert from another. */
function markOf(id: string): number {
  return createHash("sha256").update(id).digest().readUInt16LE(0) & ~REFUSED;
}
