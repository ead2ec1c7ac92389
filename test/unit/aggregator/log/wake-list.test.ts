import { describe, expect, it } from "vitest";
import { WakeList } from "../../../../aggregator/log/wake-list.ts";

describe("a wake list", () => {
  it("wakes all that wait, and each once", async () => {
    const list = new WakeList();
    const { signal } = new AbortController();
    const woken: string[] = [];
    const waits = ["a", "b"].map((name) => list.wait(signal).then(() => woken.push(name)));
    await Promise.resolve();
    expect(woken).toEqual([]);
    list.wakeAll();
    await Promise.all(waits);
    expect(woken).toEqual(["a", "b"]);
    list.wakeAll();
    await Promise.resolve();
    expect(woken).toEqual(["a", "b"]);
  });

  it("lets go who aborts, at once when the signal is aborted already", async () => {
    const list = new WakeList();
    const abort = new AbortController();
    const waiting = list.wait(abort.signal);
    abort.abort();
    await waiting;
    await list.wait(abort.signal);
    expect(abort.signal.aborted).toBe(true);
  });

  it("does not wake who comes while others are woken", async () => {
    const list = new WakeList();
    const { signal } = new AbortController();
    let isWokenAgain = false;
    const first = list.wait(signal).then(() => {
      void list.wait(signal).then(() => {
        isWokenAgain = true;
      });
    });
    list.wakeAll();
    await first;
    await Promise.resolve();
    expect(isWokenAgain).toBe(false);
    list.wakeAll();
    await Promise.resolve();
    expect(isWokenAgain).toBe(true);
  });
});
