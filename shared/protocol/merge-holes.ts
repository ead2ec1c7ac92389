import type { Hole, SelectedEvent } from "./selected-event.ts";

/** One hole per stream, in the order of first appearance: those of `holes`, grown by `events`, which are not sent. */
export function mergeHoles(
  holes: readonly Hole[],
  events: readonly Pick<SelectedEvent, "stream" | "timeMs">[],
): Hole[] {
  const merged = new Map<string, Hole>();
  const add = (hole: Hole) => {
    const known = merged.get(hole.stream);
    if (known === undefined) {
      merged.set(hole.stream, hole);
      return;
    }
    merged.set(hole.stream, {
      stream: hole.stream,
      fromMs: Math.min(known.fromMs, hole.fromMs),
      toMs: Math.max(known.toMs, hole.toMs),
      count: known.count + hole.count,
    });
  };
  for (const hole of holes) add(hole);
  for (const { stream, timeMs } of events) add({ stream, fromMs: timeMs, toMs: timeMs, count: 1 });
  return [...merged.values()];
}
