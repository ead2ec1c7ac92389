import { describe, expect, it } from "vitest";
import { MemoryState, MemoryStore } from "../../../../aggregator/state/memory-store.ts";

const put = (key: string, value: string) => ({ key, value: Buffer.from(value) });
const never = () => new Promise<void>(() => undefined);

describe("a memory store", () => {
  it("loses a commit whose process dies before it takes effect", async () => {
    const state = new MemoryState();
    void new MemoryStore(state, { beforeApply: never }).commit([put("a", "1")]);
    await Promise.resolve();
    expect(new MemoryStore(state).get("a")).toBeUndefined();
  });

  it("keeps a commit whose process dies before it hears of it", async () => {
    const state = new MemoryState();
    let heard = false;
    const applied = new Promise<void>((resolve) => {
      const afterApply = () => {
        resolve();
        return never();
      };
      void new MemoryStore(state, { afterApply }).commit([put("a", "1")]).then(() => {
        heard = true;
      });
    });
    await applied;
    expect(new MemoryStore(state).get("a")).toEqual(Buffer.from("1"));
    expect(heard).toBe(false);
  });

  it("shows nothing of a commit that fails, and takes the next one", async () => {
    let isBroken = true;
    const beforeApply = async () => {
      if (isBroken) throw new Error("no room");
    };
    const store = new MemoryStore(new MemoryState(), { beforeApply });
    const failing = store.commit([put("a", "1"), put("b", "1")]);
    await expect(failing).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect([...store.range("", "~")]).toEqual([]);
    isBroken = false;
    await store.commit([put("a", "2")]);
    expect(store.get("a")).toEqual(Buffer.from("2"));
  });
});

describe("the state of memory stores", () => {
  it("is put back by a restore as it was when copied", async () => {
    const state = new MemoryState();
    const store = new MemoryStore(state);
    await store.commit([put("a", "old"), put("b", "old")]);
    const backup = state.copy();
    await store.commit([put("a", "new"), { key: "b", value: undefined }, put("c", "new")]);
    state.restore(backup);
    await store.commit([put("d", "after")]);
    expect([...store.range("", "~")].map(([key, value]) => `${key}=${value}`)).toEqual([
      "a=old",
      "b=old",
      "d=after",
    ]);
    expect(backup.rows.get("d")).toBeUndefined();
  });
});
