import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { HostFeed } from "../../../../agent/source/host-feed.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { LiveRun } from "./live-setup.ts";

const NOW = Date.UTC(2026, 10, 20, 10, 0, 3);

/** A feed on this machine's own /proc, with a clock that the test moves. */
function measured(once: boolean) {
  const time = { ms: NOW };
  const sleeps: number[] = [];
  let wake: (() => void) | undefined;
  const feed = new HostFeed({
    ...{ disk: realDisk, host: "web-1", intervalMs: 10_000, procfs: "/proc", once },
    clock: { now: () => time.ms, monotonic: () => time.ms },
    timers: {
      sleep: (ms, signal) => {
        sleeps.push(ms);
        return new Promise((resolve) => {
          wake = () => {
            time.ms += ms;
            resolve();
          };
          signal?.addEventListener("abort", () => resolve());
        });
      },
    },
  });
  return { feed, sleeps, time, tick: () => wake?.() };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("a timer that is early does not move a measurement into the minute before", async () => {
  const { feed, sleeps, time, tick } = measured(false);
  const run = new LiveRun(feed);
  await run.follow();
  await until(() => sleeps.length === 1);
  time.ms -= 1;
  tick();
  await until(() => sleeps.length === 2);
  expect(sleeps).toEqual([7000, 1]);
  await run.follow();
  expect(run.counted).toEqual([]);
  tick();
  await until(() => sleeps.length === 3);
  expect(sleeps[2]).toBe(10_000);
  await run.source.close();
});

test.runIf(existsSync("/proc/stat"))(
  "a host is measured at multiples of the interval, as lines of JSON",
  async () => {
    const { feed, sleeps, tick } = measured(false);
    const run = new LiveRun(feed);
    await run.follow();
    await until(() => sleeps.length === 1);
    tick();
    await until(() => sleeps.length === 2);
    expect(sleeps).toEqual([7000, 10_000]);
    await run.follow();
    const events = run.counted.map((line): Record<string, unknown> => JSON.parse(line));
    expect(events).toContainEqual(
      expect.objectContaining({
        ...{ timestamp: "2026-11-20T10:00:10.000Z", service: "web-1", host: "web-1" },
        ...{ type: "memory", totalBytes: expect.any(Number) },
      }),
    );
    expect(events.map(({ type }) => type)).toContain("load");
    expect(events.map(({ type }) => type)).toContain("filesystem");
    await run.source.close();
  },
);

test("a host without /proc gives nothing, and once is once", async () => {
  const { feed, sleeps, tick } = measured(true);
  const run = new LiveRun(feed, { once: true });
  await run.source.discover();
  await until(() => sleeps.length === 1);
  expect(run.source.ended).toBe(false);
  tick();
  await until(() => feed.hasEnded);
  await run.follow();
  expect(run.source.ended).toBe(true);
  await run.source.close();
});
