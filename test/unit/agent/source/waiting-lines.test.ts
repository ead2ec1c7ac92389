import { expect, test } from "vitest";
import { WaitingLines } from "../../../../agent/source/waiting-lines.ts";

test("lines wait in order and are taken in parts, with the position of the last one taken", () => {
  let wakeCount = 0;
  const waiting = new WaitingLines(1000, () => wakeCount++);
  waiting.add(Buffer.from("a\n"), "p1");
  waiting.add(Buffer.from("b\n"), "p2");
  waiting.add(Buffer.from("cccc\n"), "p3");
  waiting.add(Buffer.alloc(0), "p4");
  expect([waiting.bytes, waiting.isFull, wakeCount]).toEqual([9, false, 3]);
  expect(waiting.take(5)).toEqual({ bytes: Buffer.from("a\nb\n"), refused: [], position: "p2" });
  expect(waiting.take(1)).toMatchObject({ bytes: Buffer.from("cccc\n"), position: "p3" });
  expect(waiting.take(1)).toEqual({ bytes: Buffer.alloc(0), refused: [], position: undefined });
});

test("who asks for room waits until lines are taken, or nothing is any more", async () => {
  const waiting = new WaitingLines(2, () => undefined);
  expect(waiting.room()).toBeUndefined();
  waiting.add(Buffer.from("a\n"));
  waiting.add(Buffer.from("b\n"));
  const room = waiting.room();
  expect(waiting.room()).toBe(room);
  waiting.take(2);
  expect(waiting.isFull).toBe(true);
  waiting.take(2);
  await room;
  waiting.add(Buffer.from("a\n"));
  const closing = waiting.room();
  waiting.close();
  await closing;
});

test("what is refused is told once, summed by reason", () => {
  const waiting = new WaitingLines(10, () => undefined);
  const refused = { kind: "lost", reason: "queue_full", lines: 1, bytes: 5 } as const;
  waiting.refuse(refused);
  waiting.refuse(refused);
  expect(waiting.take(10).refused).toEqual([{ ...refused, lines: 2, bytes: 10 }]);
  expect(waiting.take(10).refused).toEqual([]);
});

test("what is refused in its place is taken in its place", () => {
  const waiting = new WaitingLines(1000, () => undefined);
  const refused = { kind: "rejected", reason: "too_long", lines: 1, bytes: 5 } as const;
  waiting.add(Buffer.from("a\n"), "p1");
  waiting.refuse(refused, "p2");
  waiting.add(Buffer.from("b\n"), "p3");
  waiting.refuse(refused, "p4");
  expect(waiting.take(2)).toEqual({
    bytes: Buffer.from("a\n"),
    refused: [refused],
    position: "p2",
  });
  expect(waiting.take(2)).toEqual({
    bytes: Buffer.from("b\n"),
    refused: [refused],
    position: "p4",
  });
});

test("many small lines take more than their bytes", () => {
  const waiting = new WaitingLines(64 * 1024, () => undefined);
  let count = 0;
  for (; !waiting.isFull; count++) waiting.add(Buffer.from("\n"));
  expect(count).toBeLessThan(1000);
  expect(waiting.take(64 * 1024).bytes).toHaveLength(count);
  expect(waiting.isFull).toBe(false);
});
