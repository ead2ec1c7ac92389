import type { Hole } from "../../shared/protocol/selected-event.ts";
import type { StateView } from "../log/log.ts";
import { holeKey, numberOfPart, rangeOf } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import { decodeHoleRow, encodeHoleRow, type HoleRow } from "../state/rule-rows.ts";

/** Gaps are joined with their neighbours beyond this many: a match is then called incomplete once too often, never once too rarely. */
const HOLE_COUNT_MAX = 1_000;

interface HeldHole extends HoleRow {
  readonly number: number;
}

/** The gaps in the events of streams that matches may span. */
export class EventHoles {
  private readonly overlay: Overlay;
  private holes: HeldHole[];

  constructor(view: StateView, overlay: Overlay) {
    this.overlay = overlay;
    this.holes = [...readHoles(view)];
  }

  /** Takes a gap in under a number that none had. */
  add(tenant: string, hole: Hole, number: number): void {
    this.holes.push({ tenant, hole, number });
    this.overlay.set(holeKey(number), encodeHoleRow({ tenant, hole }));
    if (this.holes.length > HOLE_COUNT_MAX) this.joinOldest();
  }

  /** True when events of the stream may be missing between two event times, both included. */
  touch(tenant: string, stream: string, fromMs: number, toMs: number): boolean {
    return this.holes.some(
      ({ tenant: other, hole }) =>
        other === tenant && hole.stream === stream && hole.fromMs <= toMs && hole.toMs >= fromMs,
    );
  }

  /** Forgets gaps that ended before an event time. */
  forgetBefore(timeMs: number): void {
    if (this.holes.every(({ hole }) => hole.toMs >= timeMs)) return;
    for (const { hole, number } of this.holes) {
      if (hole.toMs < timeMs) this.overlay.set(holeKey(number), undefined);
    }
    this.holes = this.holes.filter(({ hole }) => hole.toMs >= timeMs);
  }

  /** Makes one of the two oldest gaps of the stream that has the most. */
  private joinOldest(): void {
    const counts = new Map<string, HeldHole[]>();
    for (const held of this.holes) {
      const name = JSON.stringify([held.tenant, held.hole.stream]);
      counts.set(name, [...(counts.get(name) ?? []), held]);
    }
    const [crowded = []] = [...counts.values()].toSorted((a, b) => b.length - a.length);
    const [first, second] = crowded.toSorted((a, b) => a.hole.fromMs - b.hole.fromMs);
    if (first === undefined || second === undefined) return;
    const hole: Hole = {
      stream: first.hole.stream,
      fromMs: first.hole.fromMs,
      toMs: Math.max(first.hole.toMs, second.hole.toMs),
      count: first.hole.count + second.hole.count,
    };
    const { tenant } = first;
    this.holes = this.holes.filter((held) => held !== first && held !== second);
    this.holes.push({ tenant, hole, number: second.number });
    this.overlay.set(holeKey(first.number), undefined);
    this.overlay.set(holeKey(second.number), encodeHoleRow({ tenant, hole }));
  }
}

function* readHoles(view: StateView): Iterable<HeldHole> {
  const { from, to } = rangeOf("hole/");
  for (const [key, bytes] of view.range(from, to)) {
    const row = decodeHoleRow(bytes);
    yield { ...row, number: numberOfPart(key.slice("hole/".length)) };
  }
}
