/**
 * How alerts come to Kafka exactly once. The sink counts the alerts it has dealt with. The count is kept twice: with the delivery's cursor, and in
 * Kafka, moved by the very transaction that writes the alerts. A crash between the two leaves Kafka's count ahead; the alerts that come
 * again then are those by which it is ahead, and are left out. Which of them had been refused stands beside Kafka's count, since their dead
 * letters were not kept yet.
 *
 * The count belongs to a random id, drawn when the sink is opened for the first time: a new data directory counts on its own.
 */
import type { KafkaCursor } from "../kafka/kafka-producer.ts";
import type { Result } from "./sink.ts";

const ID_BYTES = 8;

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

/** The cursor after `results`, of which those at the indexes `refused` were not written. */
export function cursorAfter(
  place: SinkPlace,
  results: readonly Result[],
  refused: readonly number[],
): KafkaCursor {
  const indexes = refused.map((index) => index.toString(36)).join(",");
  const note = `${results.at(-1)?.id ?? ""} ${indexes}`;
  return { number: place.count + results.length, note };
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
  const count = (cursor?.number ?? 0) - place.count;
  if (cursor === undefined || count <= 0) return { count: 0, refused: [] };
  const [id, indexes = ""] = cursor.note.split(" ");
  if (results[count - 1]?.id !== id) return undefined;
  const refused =
    indexes === "" ? [] : indexes.split(",").map((index) => Number.parseInt(index, 36));
  return { count, refused: refused.filter((index) => index < count) };
}
