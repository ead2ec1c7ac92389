import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PriorityQueue } from "../../../../aggregator/cep/priority-queue.ts";

interface Item {
  readonly rank: number;
  readonly name: string;
}

function queueOf(text: string): PriorityQueue<Item> {
  const queue = new PriorityQueue<Item>((a, b) => a.rank - b.rank);
  for (const name of text.split(" ")) queue.push({ rank: Number(name[0]), name });
  return queue;
}

const names = (queue: Iterable<Item>) => [...queue].map(({ name }) => name).join(" ");

describe("the priority queue", () => {
  it("hands out the smallest first", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (ranks) => {
        const queue = new PriorityQueue<number>((a, b) => a - b);
        for (const rank of ranks) queue.push(rank);
        const out: (number | undefined)[] = [];
        while (queue.size > 0) {
          expect(queue.peek()).toBe(Math.min(...queue));
          out.push(queue.pop());
        }
        expect(out).toEqual(ranks.toSorted((a, b) => a - b));
        expect(queue.pop()).toBeUndefined();
      }),
    );
  });

  // The expected orders were read off java.util.PriorityQueue's published algorithm (siftUp, siftDown, heapify), step by step.
  it("keeps equal elements where Java keeps them", () => {
    expect(names(queueOf("5a 3a 4a 3b 1a 3c"))).toBe("1a 3a 3c 5a 3b 4a");
    const few = queueOf("3a 1a 2a");
    few.trim();
    few.push({ rank: 1, name: "1b" });
    expect(names(few)).toBe("1a 1b 2a 3a");
    const queue = queueOf("5a 3a 4a 3b 1a 3c");
    queue.trim();
    expect(queue.pop()?.name).toBe("1a");
    expect(names(queue)).toBe("3a 3b 3c 5a 4a");
  });

  it("makes the rest a heap anew after removing", () => {
    const queue = queueOf("1a 2a 2b 3a 3b 2c 2d");
    queue.remove(({ name }) => name === "1a" || name === "3a");
    expect(names(queue)).toBe("2a 2b 3b 2c 2d");
    queue.remove(() => false);
    expect(names(queue)).toBe("2a 2b 3b 2c 2d");
    queue.remove(({ rank }) => rank === 2);
    expect(names(queue)).toBe("3b");
  });
});
