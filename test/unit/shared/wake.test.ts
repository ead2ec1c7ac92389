import { describe, expect, it } from "vitest";
import type { Timers } from "../../../shared/platform/timers.ts";
import { Wake } from "../../../shared/wake.ts";

/** Timers that never fire by themselves; they note how long they were asked to sleep. */
function quietTimers(): Timers & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    sleep: (delayMs, signal) => {
      asked.push(delayMs);
      return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
    },
  };
}

describe("a wait that can be ended", () => {
  it("ends by a wake while it lasts, and at once by one that came before", async () => {
    const timers = quietTimers();
    const wake = new Wake(timers);
    const waiting = wake.wait(500);
    wake.wake();
    await waiting;
    wake.wake();
    await wake.wait(700);
    expect(timers.asked).toEqual([500]);
  });

  it("is a new wait after each wake, and asks timers for a day at most", async () => {
    const timers = quietTimers();
    const wake = new Wake(timers);
    wake.wake();
    await wake.wait(1);
    const waiting = wake.wait(Number.POSITIVE_INFINITY);
    expect(timers.asked).toEqual([86_400_000]);
    wake.wake();
    await waiting;
  });

  it("ends by itself when the time has come", async () => {
    const wake = new Wake({ sleep: async () => undefined });
    await expect(wake.wait(3)).resolves.toBe(false);
  });
});
