import { describe, expect, it } from "vitest";
import { EventQueue } from "../../../../../shared/platform/simulated/event-queue.ts";
import { Prng } from "../../../../../shared/platform/simulated/prng.ts";

describe("the queue of events", () => {
  it("gives back what was put in, by time and then by order, whatever the order of putting in", () => {
    const prng = new Prng(9);
    const queue = new EventQueue();
    const wanted: string[] = [];
    for (let order = 0; order < 500; order++) {
      const timeMs = prng.below(50);
      queue.push({ timeMs, order, label: "", action: undefined });
      wanted.push(`${String(timeMs).padStart(3, "0")} ${String(order).padStart(3, "0")}`);
    }
    const found: string[] = [];
    while (queue.count > 0) {
      const next = queue.peek();
      const { timeMs = -1, order = -1 } = queue.pop() ?? {};
      expect(next?.order).toBe(order);
      found.push(`${String(timeMs).padStart(3, "0")} ${String(order).padStart(3, "0")}`);
    }
    expect(found).toEqual(wanted.toSorted());
    expect(queue.pop()).toBeUndefined();
  });
});
