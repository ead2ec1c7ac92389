import { expect, test } from "vitest";
import { GUARD_NONE } from "../../../../agent/source/guard.ts";
import { KeptEvents } from "../../../../agent/source/kept-events.ts";
import { TailedFile } from "../../../../agent/source/tailed-file.ts";

function file(number: number): TailedFile {
  const stat = { ...{ device: "1", inode: String(number), birthMs: 1 }, modifiedMs: 1 };
  const at = { source: "app", file: number, path: `/logs/${number}` };
  return TailedFile.found(at, { ...stat, bytes: 10, kind: "file" });
}

test("what is kept is a copy, and is taken once", () => {
  const kept = new KeptEvents(100);
  const one = file(1);
  const buffer = Buffer.from("event\n");
  kept.keep(one, buffer);
  buffer.fill(0);
  expect(kept.take(one)?.toString()).toBe("event\n");
  expect(kept.take(one)).toBeUndefined();
});

test("what was kept of another place or another generation is none", () => {
  const kept = new KeptEvents(100);
  const one = file(1);
  kept.keep(one, Buffer.from("event\n"));
  one.advance(6, GUARD_NONE);
  expect(kept.take(one)).toBeUndefined();
  kept.keep(one, Buffer.from("event\n"));
  one.beginGeneration(12);
  expect(kept.take(one)).toBeUndefined();
});

test("no more is kept than the limit, and what is let go makes room", () => {
  const kept = new KeptEvents(10);
  const [one, two] = [file(1), file(2)];
  kept.keep(one, Buffer.from("12345678"));
  kept.keep(two, Buffer.from("1234"));
  expect(kept.take(two)).toBeUndefined();
  kept.keep(one, Buffer.from("12"));
  kept.keep(two, Buffer.from("12345678"));
  expect(kept.take(one)).toHaveLength(2);
  expect(kept.take(two)).toHaveLength(8);
  kept.keep(one, Buffer.alloc(0));
  expect(kept.take(one)).toBeUndefined();
});
