import { describe, expect, it } from "vitest";
import { SelfSampler } from "../../../../aggregator/monitor/self-sampler.ts";

const heap = { usedBytes: 50, limitBytes: 200 };

describe("what the program sees of itself", () => {
  it("is the rate of lines, the heap, and how long requests of senders take", () => {
    const sampler = new SelfSampler();
    expect(sampler.take(100, 10_000, heap)).toEqual({
      eventsPerSecond: null,
      heapUsedRatio: 0.25,
      processingLatencyP50: null,
      processingLatencyP95: null,
      processingLatencyP99: null,
    });
    for (let index = 1; index <= 100; index++) sampler.answered("/v1/batches", index);
    sampler.answered("/v1/windows", 10_000);
    const seen = sampler.take(20_100, 10_000, heap);
    expect(seen["eventsPerSecond"]).toBe(2_000);
    expect(seen["processingLatencyP95"]).toBeCloseTo(95, -1);
    expect(sampler.take(20_100, 10_000, heap)).toMatchObject({
      eventsPerSecond: 0,
      processingLatencyP95: null,
    });
  });
});
