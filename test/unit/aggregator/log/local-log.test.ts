import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LocalLogOptions } from "../../../../aggregator/log/local-log.ts";
import {
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from "../../../../aggregator/log/segment-format.ts";
import { MemoryState, MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";
import { append, commitPosition, contents, ignore, LogPlace, noSignal } from "./log-place.ts";

let place: LogPlace;
beforeEach(() => {
  place = new LogPlace();
});
afterEach(() => place.remove());

describe("the embedded log", () => {
  it("has one partition of batches and does not store what is keyed", async () => {
    const log = await place.open();
    expect(log.partitionCount("batches")).toBe(1);
    expect(log.partitionCount("keyed")).toBe(0);
    await log.close();
  });

  it("keeps a second process out until it is closed", async () => {
    const log = await place.open();
    await expect(place.open()).rejects.toMatchObject({ code: "LOCK_HELD" });
    await log.close();
    await (await place.open()).close();
  });

  it("says what the disk says when its place.folder cannot be made", async () => {
    writeFileSync(place.folder, "a file where the place.folder should be");
    await expect(place.open()).rejects.toMatchObject({ code: "DISK_FAILED" });
  });

  it("calls what the disk refuses while reading and trimming a failure that may pass", async () => {
    let refusal: Error | undefined;
    const refuse = () => {
      if (refusal !== undefined) throw refusal;
    };
    const disk = {
      ...realPlatform.disk,
      open: async (...args: Parameters<typeof realPlatform.disk.open>) => {
        refuse();
        return realPlatform.disk.open(...args);
      },
      remove: async (path: string) => {
        refuse();
        return realPlatform.disk.remove(path);
      },
    };
    const log = await place.open({ recentBytesMax: 1 }, { disk });
    const owner = await log.own("reader", 0, ignore);
    for (let index = 0; index < 3; index++) await append(log, "x".repeat(800));
    await commitPosition(owner, 2);
    refusal = Object.assign(new Error("too many open files"), { code: "EMFILE" });
    const failure = { code: "DISK_FAILED" };
    await expect(owner.read("batches", 0, 1000, noSignal)).rejects.toMatchObject(failure);
    await expect(log.trim("batches", 0, 2)).rejects.toMatchObject(failure);
    refusal = undefined;
    expect(await owner.read("batches", 0, 1, noSignal)).toHaveLength(1);
    await log.trim("batches", 0, 2);
    expect(place.segmentNames()).toHaveLength(1);
    await log.close();
  });

  it("makes appends that overlap share a sync, and syncs nothing for ticks alone", async () => {
    let syncCount = 0;
    const disk = {
      ...realPlatform.disk,
      open: async (...args: Parameters<typeof realPlatform.disk.open>) => {
        const file = await realPlatform.disk.open(...args);
        return {
          ...file,
          sync: () => {
            syncCount++;
            return file.sync();
          },
        };
      },
    };
    const log = await place.open({ segmentBytesMax: 100_000 }, { disk });
    await append(log, "first");
    const before = syncCount;
    await append(log, "tick", false);
    expect(syncCount).toBe(before);
    await Promise.all(Array.from({ length: 100 }, (_, index) => append(log, `record ${index}`)));
    expect(syncCount - before).toBeGreaterThan(0);
    expect(syncCount - before).toBeLessThan(5);
    await log.close();
  });

  it("never stamps a record earlier than the one before, though the clock goes back and the log is opened anew", async () => {
    let nowMs = 5_000;
    const clock = { ...realPlatform.clock, now: () => nowMs };
    let log = await place.open({}, { clock });
    await append(log, "a");
    nowMs = 1_000;
    await append(log, "b");
    await log.close();
    log = await place.open({}, { clock });
    await append(log, "c");
    nowMs = 7_000;
    await append(log, "d");
    const owner = await log.own("reader", 0, ignore);
    const times: number[] = [];
    while (times.length < 4) {
      const records = await owner.read("batches", times.length, 10_000, noSignal);
      times.push(...records.map((record) => record.appendedAtMs));
    }
    expect(times).toEqual([5_000, 5_000, 5_000, 7_000]);
    await log.close();
  });

  it("takes nothing beyond its size, and goes on when room was made", async () => {
    const log = await place.open({ bytesMax: 4_000 });
    const owner = await log.own("reader", 0, ignore);
    let last = 0;
    const fill = async () => {
      for (;;) last = await append(log, "x".repeat(100));
    };
    await expect(fill()).rejects.toMatchObject({ code: "LOG_FULL", retry: "later" });
    expect(log.bytes).toBeLessThanOrEqual(4_000);
    expect(log.bytes).toBeGreaterThan(3_500);
    await commitPosition(owner, last + 1);
    await log.trim("batches", 0, last + 1);
    expect(log.bytes).toBeLessThanOrEqual(1_100);
    await append(log, "fits again");
    await log.close();
  });

  it("refuses what would wait beyond all bounds", async () => {
    const log = await place.open({ bytesMax: 1_000_000_000, segmentBytesMax: 100_000_000 });
    const large = Buffer.alloc(8 * 1024 * 1024);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => log.append("batches", 0, large)),
    );
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(5);
    expect(refused[0]).toMatchObject({ reason: { code: "LOG_UNAVAILABLE" } });
    await log.close();
  });

  it("reads old records from the disk, and only those asked for", async () => {
    const log = await place.open({ segmentBytesMax: 300_000, recentBytesMax: 1 });
    for (let index = 0; index < 600; index++)
      await append(log, `${index} ${"x".repeat(700)}`, false);
    const owner = await log.own("reader", 0, ignore);
    for (const from of [0, 1, 93, 94, 95, 399, 598]) {
      const records = await owner.read("batches", from, 1_500, noSignal);
      expect(records.map(({ payload }) => parseInt(String(payload), 10))).toEqual(
        Array.from({ length: records.length }, (_, index) => from + index),
      );
      expect(records.length).toBeGreaterThanOrEqual(1);
      expect(records.length).toBeLessThanOrEqual(3);
    }
    await log.close();
  });

  it("notices while reading that its bytes were harmed", async () => {
    const log = await place.open({ recentBytesMax: 1 });
    for (let index = 0; index < 20; index++) await append(log, "x".repeat(200));
    const path = join(place.folder, place.segmentNames()[0] ?? "");
    const bytes = readFileSync(path);
    bytes[SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + 5] = 0;
    writeFileSync(path, bytes);
    const owner = await log.own("reader", 0, ignore);
    await expect(owner.read("batches", 0, 100, noSignal)).rejects.toMatchObject({
      code: "LOG_CORRUPT",
    });
    await log.close();
  });

  it("refuses to write to the topic it does not store", async () => {
    const log = await place.open();
    expect(() => log.append("keyed", 0, Buffer.alloc(1))).toThrow();
    const owner = await log.own("reader", 0, ignore);
    const records = [{ topic: "keyed", partition: 0, payload: Buffer.alloc(1) } as const];
    await expect(owner.commit({ positions: [], changes: [], records })).rejects.toThrow();
    await log.close();
  });

  it("ends reads that wait when it is closed", async () => {
    const log = await place.open();
    const owner = await log.own("reader", 0, ignore);
    const reading = owner.read("batches", 0, 100, noSignal);
    const outcome = expect(reading).rejects.toMatchObject({ code: "LOG_UNAVAILABLE" });
    await log.close();
    await outcome;
  });

  it("calls a commit unknown when the store failed, and the next owner sees where it stands", async () => {
    let isBroken = false;
    const beforeApply = async () => {
      if (isBroken) throw new Error("no room");
    };
    const log = await place.open({ store: new MemoryStore(place.state, { beforeApply }) });
    const owner = await log.own("reader", 0, ignore);
    await commitPosition(owner, 1);
    isBroken = true;
    await expect(commitPosition(owner, 2)).rejects.toMatchObject({ code: "LOG_UNKNOWN" });
    isBroken = false;
    expect((await log.own("reader", 0, ignore)).position("batches")).toBe(1);
    await log.close();
  });
});

describe("the embedded log on a disk that fails", () => {
  function simulated(seed: number) {
    const simulation = new Simulation(seed);
    const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
    const start = async (options: Partial<LocalLogOptions> = {}) =>
      place.open({ directory: "/data/log", ...options }, host.start("process").platform);
    /** Carries `work` on in virtual time until it is done. */
    async function finish<T>(work: Promise<T>): Promise<T> {
      let isDone = false;
      const noted = work.finally(() => {
        isDone = true;
      });
      noted.catch(ignore);
      while (!isDone) await simulation.run(simulation.timeMs + 10);
      return noted;
    }
    return { host, start, finish };
  }

  it("takes nothing any more after a failed sync, until it is opened anew", async () => {
    const { host, start, finish } = simulated(1);
    const failures: unknown[] = [];
    const log = await finish(start({ onFailed: (error) => failures.push(error) }));
    await finish(append(log, "good"));
    const fault = { path: "/", operations: ["sync"], code: "EIO", share: 1 } as const;
    host.disk.faults.add(fault);
    const outcomes = Promise.allSettled([append(log, "x"), append(log, "y")]);
    for (const outcome of await finish(outcomes)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "LOG_UNKNOWN" } });
    }
    host.disk.faults.clear();
    await expect(finish(append(log, "late"))).rejects.toMatchObject({ code: "LOG_UNAVAILABLE" });
    expect(failures).toHaveLength(1);
    await finish(log.close());
    const again = await finish(start());
    const texts = (await finish(contents(again))).map(([, text]) => text);
    expect(texts).toEqual(["good", "x", "y"]);
    expect(await finish(append(again, "after"))).toBe(4);
  });

  it("does not keep what it called absent because the disk was full, whatever a power cut leaves", async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const { host, start, finish } = simulated(seed);
      place.state = new MemoryState();
      const log = await finish(start());
      await finish(append(log, "good"));
      host.disk.bytesMax = 0;
      const texts = ["a", "b", "c", "d", "e"];
      const outcomes = await finish(Promise.allSettled(texts.map((text) => append(log, text))));
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: "rejected", reason: { code: "LOG_FULL" } });
      }
      host.disk.bytesMax = Number.POSITIVE_INFINITY;
      host.crash();
      const again = await finish(start());
      expect(await finish(contents(again)), `seed ${seed}`).toEqual([[0, "good"]]);
    }
  });

  it("goes on when a full disk has room again", async () => {
    const { host, start, finish } = simulated(2);
    const log = await finish(start());
    for (const text of ["one", "two", "three"]) {
      host.disk.bytesMax = 0;
      await expect(finish(append(log, "x".repeat(500)))).rejects.toMatchObject({
        code: "LOG_FULL",
      });
      host.disk.bytesMax = Number.POSITIVE_INFINITY;
      await finish(append(log, text.padEnd(600)));
    }
    const texts = (await finish(contents(log))).map(([, text]) => text.trim());
    expect(texts).toEqual(["one", "two", "three"]);
  });

  it("does not give the position of a lost tick again once a reader committed it", async () => {
    let lostCount = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const { host, start, finish } = simulated(seed);
      place.state = new MemoryState();
      const log = await finish(start());
      const owner = await finish(log.own("reader", 0, ignore));
      await finish(append(log, "durable"));
      const tick = await finish(append(log, "tick", false));
      await finish(commitPosition(owner, tick + 1));
      host.crash();
      const again = await finish(start());
      const found = await finish(contents(again));
      expect(await finish(append(again, "new"))).toBeGreaterThan(tick);
      expect(found[0]).toEqual([0, "durable"]);
      if (found.length === 1) lostCount++;
    }
    expect(lostCount).toBeGreaterThan(3);
  });
});
