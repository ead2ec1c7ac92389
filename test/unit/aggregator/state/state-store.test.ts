import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryState, MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { openSqliteStore } from "../../../../aggregator/state/sqlite-store.ts";
import type { StateStore } from "../../../../aggregator/state/state-store.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";

const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value = key) => ({ key, value: bytes(value) });
const remove = (key: string) => ({ key, value: undefined });

function keysOf(entries: Iterable<readonly [string, Buffer]>): string[] {
  return [...entries].map(([key]) => key);
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "state-store-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function memoryStores(): () => Promise<StateStore> {
  const state = new MemoryState();
  return async () => new MemoryStore(state);
}

function sqliteStores(): () => Promise<StateStore> {
  return () => openSqliteStore(realDisk, join(directory, "data", "state.db"));
}

describe.each([
  { name: "memory store", opener: memoryStores },
  { name: "sqlite store", opener: sqliteStores },
])("$name keeps the contract of a state store:", ({ opener }) => {
  let open: () => Promise<StateStore>;
  let store: StateStore;
  beforeEach(async () => {
    open = opener();
    store = await open();
  });
  afterEach(() => store.close());

  it("knows nothing at first", () => {
    expect(store.get("a")).toBeUndefined();
    expect([...store.range("", "~")]).toEqual([]);
  });

  it("puts, replaces and deletes in one commit, the last change of a key winning", async () => {
    await store.commit([put("a", "1"), put("b", "1"), put("c", "1")]);
    await store.commit([put("a", "2"), remove("b"), remove("absent"), put("d", "1"), remove("d")]);
    expect([...store.range("", "~")]).toEqual([
      ["a", bytes("2")],
      ["c", bytes("1")],
    ]);
    expect(store.get("b")).toBeUndefined();
  });

  it("walks over rows of all kinds in the order of their keys", async () => {
    const keys = [
      ...["agent//a", "change", "change/1", "change/2", "change0", "collect", "minute"],
      ...["minute//s/1/a", "minute-x", "process", "rollup-minute/5//s/1/a", "rollup/5//s/a/1"],
      "window//s/a/1",
    ].toSorted();
    await store.commit(keys.toReversed().map((key) => put(key)));
    const bounds = ["", ...keys, "change/", "minute/", "minute0", "rollup-minute0", "~"].toSorted();
    for (const [at, from] of bounds.entries()) {
      for (const to of bounds.slice(at)) {
        const expected = keys.filter((key) => key >= from && key < to);
        expect(keysOf(store.range(from, to))).toEqual(expected);
        expect(keysOf(store.range(from, to, { limit: 3 }))).toEqual(expected.slice(0, 3));
        const backwards = keysOf(store.range(from, to, { reverse: true, limit: 4 }));
        expect(backwards).toEqual(expected.toReversed().slice(0, 4));
      }
    }
    for (const key of keys) expect(store.get(key)).toEqual(bytes(key));
    await store.commit(keys.map(remove));
    expect([...store.range("", "~")]).toEqual([]);
  });

  it("keeps empty values and every byte", async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await store.commit([
      { key: "all", value: all },
      { key: "none", value: Buffer.alloc(0) },
    ]);
    expect(store.get("all")).toEqual(all);
    expect(store.get("none")).toEqual(Buffer.alloc(0));
  });

  it("does not follow changes that the caller makes to its bytes after the commit", async () => {
    const value = bytes("before");
    await store.commit([{ key: "a", value }]);
    value.write("after.");
    expect(store.get("a")).toEqual(bytes("before"));
  });

  it("orders keys by code unit, capitals before small letters", async () => {
    await store.commit(
      ["b", "a/1", "B", "a", "a-", "~", "!", "a/10", "a/2"].map((key) => put(key)),
    );
    const expected = ["!", "B", "a", "a-", "a/1", "a/10", "a/2", "b"];
    expect(keysOf(store.range("", "~"))).toEqual(expected);
    expect(keysOf(store.range("", "~", { reverse: true }))).toEqual(expected.toReversed());
  });

  it("takes the beginning of a range and leaves its end", async () => {
    await store.commit(["a", "b", "c", "d"].map((key) => put(key)));
    expect(keysOf(store.range("b", "d"))).toEqual(["b", "c"]);
    expect(keysOf(store.range("b", "d", { reverse: true }))).toEqual(["c", "b"]);
    expect(keysOf(store.range("d", "b"))).toEqual([]);
    expect(keysOf(store.range("b", "b"))).toEqual([]);
  });

  it("gives at most as many entries as asked for", async () => {
    await store.commit(["a", "b", "c"].map((key) => put(key)));
    expect(keysOf(store.range("", "~", { limit: 2 }))).toEqual(["a", "b"]);
    expect(keysOf(store.range("", "~", { limit: 2, reverse: true }))).toEqual(["c", "b"]);
    expect(keysOf(store.range("", "~", { limit: 0 }))).toEqual([]);
  });

  it("walks ranges of thousands of entries, both ways, none missing", async () => {
    const keys = Array.from({ length: 2_500 }, (_, index) => `k/${String(index).padStart(5, "0")}`);
    await store.commit(keys.map((key) => put(key)));
    expect(keysOf(store.range("k/", "k0"))).toEqual(keys);
    expect(keysOf(store.range("k/", "k0", { reverse: true }))).toEqual(keys.toReversed());
    expect(keysOf(store.range("k/", "k0", { limit: 1_440 }))).toEqual(keys.slice(0, 1_440));
  });

  it("allows a range to be walked inside another", async () => {
    await store.commit(["a", "b"].map((key) => put(key)));
    const pairs: string[] = [];
    for (const [outer] of store.range("", "~")) {
      for (const [inner] of store.range("", "~")) pairs.push(outer + inner);
    }
    expect(pairs).toEqual(["aa", "ab", "ba", "bb"]);
  });

  it("keeps commits in the order of the calls", async () => {
    await Promise.all(["1", "2", "3"].map((value) => store.commit([put("a", value)])));
    expect(store.get("a")).toEqual(bytes("3"));
  });

  it("still knows after closing and opening what was committed", async () => {
    await store.commit([put("a", "kept"), put("b")]);
    await store.commit([remove("b")]);
    await store.close();
    store = await open();
    expect([...store.range("", "~")]).toEqual([["a", bytes("kept")]]);
  });

  it("refuses everything once it is closed", async () => {
    await store.commit([put("a")]);
    await store.close();
    await store.close();
    await expect(store.commit([put("b")])).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(() => store.get("a")).toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
    expect(() => [...store.range("", "~")]).toThrow(
      expect.objectContaining({ code: "STORE_FAILED" }),
    );
  });
});
