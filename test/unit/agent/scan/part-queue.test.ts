import { expect, test } from "vitest";
import { PartQueue, queueMemory } from "../../../../agent/scan/part-queue.ts";

test("queues on one memory hand out each number once, neighbours to the same thread", () => {
  const memory = queueMemory(9);
  const [first, second] = [0, 1].map((thread) => new PartQueue(memory, thread, 2));
  const take = (queue: PartQueue | undefined, count: number) =>
    Array.from({ length: count }, () => queue?.next());
  expect(take(first, 2)).toEqual([0, 1]);
  expect(take(second, 3)).toEqual([4, 5, 6]);
  expect(take(first, 4)).toEqual([2, 3, 7, 8]);
  expect(take(second, 1)).toEqual([undefined]);
  expect(take(first, 1)).toEqual([undefined]);
});

test("a queue of nothing has nothing", () => {
  expect(new PartQueue(queueMemory(0), 0, 1).next()).toBeUndefined();
});
