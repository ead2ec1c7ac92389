/** Something that happens at a moment of virtual time. */
export interface SimulatedEvent {
  readonly timeMs: number;
  /** Order among events of the same moment. */
  readonly order: number;
  /** What stands in the trace. */
  readonly label: string;
  /** Undefined once cancelled. */
  action: (() => void) | undefined;
}

/** A binary heap of events, earliest first; among equals the one queued first. */
export class EventQueue {
  private readonly heap: SimulatedEvent[] = [];

  get count(): number {
    return this.heap.length;
  }

  push(event: SimulatedEvent): void {
    const heap = this.heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  /** The earliest event, which stays in the queue. */
  peek(): SimulatedEvent | undefined {
    return this.heap[0];
  }

  pop(): SimulatedEvent | undefined {
    const heap = this.heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const leftAt = at * 2 + 1;
      let child = heap[leftAt];
      if (child === undefined) break;
      let childAt = leftAt;
      const right = heap[leftAt + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childAt = leftAt + 1;
      }
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(one: SimulatedEvent, other: SimulatedEvent): boolean {
  return one.timeMs < other.timeMs || (one.timeMs === other.timeMs && one.order < other.order);
}
