import { beforeEach, describe, expect, it } from "vitest";
import { SampleLog, SampleTopic } from "./sample-topic.ts";

let log: SampleLog;
let topic: SampleTopic;

beforeEach(() => {
  log = new SampleLog();
  topic = new SampleTopic();
  topic.high = 10;
});

describe("a reader of a partition", () => {
  it("begins where it is told, and keeps that place before it reads anything", async () => {
    topic.low = 2;
    await topic.reader(log).open();
    expect([log.position, topic.seeks]).toEqual([2, [2]]);
    log.position = undefined;
    await topic.reader(log, { startAt: "end" }).open();
    expect([log.position, topic.seeks]).toEqual([10, [2, 10]]);
  });

  it("counts what follows its place, and lets go what is counted", async () => {
    log.position = 4;
    const reader = topic.reader(log, { startAt: "end" });
    await reader.open();
    await reader.take(topic.fetch(4, 7), topic.controls);
    expect([log.position, log.counted, reader.behindCount]).toEqual([7, 3, 3]);
    await reader.take(topic.fetch(7, 10), topic.controls);
    expect([log.position, log.counted, reader.behindCount]).toEqual([10, 6, 0]);
    expect(topic.resolved).toEqual(["6", "9"]);
  });

  it("takes nothing before the fetch that it asked for came", async () => {
    log.position = 4;
    const reader = topic.reader(log);
    await reader.take(topic.fetch(0, 10), topic.controls);
    await reader.open();
    await reader.take(topic.fetch(0, 10), topic.controls);
    await reader.take(topic.fetch(6, 10), topic.controls);
    expect([log.position, log.counted]).toEqual([4, 0]);
    expect(topic.seeks).toEqual([4, 4, 4]);
    await reader.take(topic.fetch(4, 10), topic.controls);
    expect([log.position, log.counted]).toEqual([10, 6]);
  });

  it("goes back to where the inlet is when another reader was there, or the state was replaced", async () => {
    const reader = topic.reader(log);
    await reader.open();
    await reader.take(topic.fetch(0, 5), topic.controls);
    log.position = 3;
    await reader.take(topic.fetch(5, 10), topic.controls);
    expect([log.position, topic.seeks.at(-1)]).toEqual([3, 3]);
    await reader.take(topic.fetch(3, 10), topic.controls);
    expect(log.position).toBe(10);
    log.position = 20;
    topic.high = 30;
    await reader.take(topic.fetch(10, 15), topic.controls);
    expect(topic.seeks.at(-1)).toBe(20);
  });

  it("appends again until it has a word, which counts nothing twice", async () => {
    const reader = topic.reader(log);
    await reader.open();
    log.faults.push("unavailable", "silent", "silent");
    await reader.take(topic.fetch(0, 10), topic.controls);
    expect([log.position, log.counted, log.entries.length]).toEqual([10, 10, 2]);
  });

  it("goes on over offsets that readers do not see", async () => {
    const reader = topic.reader(log);
    await reader.open();
    await reader.take(topic.fetch(0, 4, [1, 3]), topic.controls);
    expect([log.position, log.counted]).toEqual([4, 2]);
    // The end of a transaction stood at 4, alone in its fetch.
    await reader.take(topic.fetch(5, 10), topic.controls);
    expect([log.position, log.counted]).toEqual([10, 7]);
    expect(topic.seeks).toEqual([0]);
  });

  it("says how many records the retention took, whether it stood still or read", async () => {
    const errors: string[] = [];
    log.position = 1;
    topic.low = 4;
    const reader = topic.reader(log, { errors });
    await reader.open();
    await reader.take(topic.fetch(4, 6), topic.controls);
    topic.low = 8;
    await reader.take(topic.fetch(8, 10), topic.controls);
    await reader.take(topic.fetch(8, 10), topic.controls);
    expect([log.position, log.counted]).toEqual([10, 4]);
    expect(errors).toHaveLength(2);
    expect(errors[0]).toMatch(/deleted by the topic's retention before they were read/);
  });

  it("reads nothing of a topic that ends before its place", async () => {
    const errors: string[] = [];
    log.position = 20;
    const reader = topic.reader(log, { errors });
    await reader.open();
    expect(reader.failure).toMatch(/ends at offset 10, but was counted up to 20/);
    expect([topic.seeks, errors.length]).toEqual([[], 1]);
  });

  it("splits what is large into entries, each counted when it is let go", async () => {
    topic.high = 12_000;
    const reader = topic.reader(log);
    await reader.open();
    await reader.take(topic.fetch(0, 12_000), topic.controls);
    expect([log.position, log.counted]).toEqual([12_000, 12_000]);
    expect(topic.resolved).toEqual(["4999", "9999", "11999"]);
  });
});
