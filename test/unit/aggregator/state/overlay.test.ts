import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { Overlay } from "../../../../aggregator/state/overlay.ts";

async function sample(): Promise<Overlay> {
  const store = new MemoryStore();
  await store.commit(["a", "c", "e"].map((key) => ({ key, value: Buffer.from(key) })));
  const overlay = new Overlay(store);
  overlay.set("b", Buffer.from("b"));
  overlay.set("c", undefined);
  overlay.set("e", Buffer.from("new"));
  return overlay;
}

describe("an overlay", () => {
  it("shows what is not committed on top of what is", async () => {
    const overlay = await sample();
    expect(["a", "b", "c", "e", "x"].map((key) => overlay.get(key)?.toString())).toEqual([
      "a",
      "b",
      undefined,
      "new",
      undefined,
    ]);
    const keys = (options = {}) => [...overlay.range("a", "z", options)].map(([key]) => key);
    expect(keys()).toEqual(["a", "b", "e"]);
    expect(keys({ reverse: true, limit: 2 })).toEqual(["e", "b"]);
    expect([...overlay.range("b", "e")].map(([key]) => key)).toEqual(["b"]);
  });

  it("gives its changes away once", async () => {
    const overlay = await sample();
    expect(overlay.take().map(({ key }) => key)).toEqual(["b", "c", "e"]);
    expect(overlay.take()).toEqual([]);
    expect(overlay.get("c")?.toString()).toBe("c");
  });
});
