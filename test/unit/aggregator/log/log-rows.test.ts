import { describe, expect, it } from "vitest";
import {
  logIdChange,
  positionBounds,
  positionChange,
  readLogId,
  readPosition,
  withoutLogRows,
} from "../../../../aggregator/log/log-rows.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { LOG_ID } from "./segment-bytes.ts";

const keysOf = (entries: Iterable<readonly [string, Buffer]>) => [...entries].map(([key]) => key);

describe("the log's own rows", () => {
  it("keep the id and the position of each group", async () => {
    const store = new MemoryStore();
    expect(readLogId(store)).toBeUndefined();
    expect(readPosition(store, "a")).toBeUndefined();
    expect(positionBounds(store)).toBeUndefined();
    await store.commit([
      logIdChange(LOG_ID),
      positionChange("a", 7),
      positionChange("b/é", 2 ** 40),
    ]);
    expect(readLogId(store)).toBe(LOG_ID);
    expect(readPosition(store, "a")).toBe(7);
    expect(readPosition(store, "b/é")).toBe(2 ** 40);
    expect(positionBounds(store)).toEqual({ lowest: 7, highest: 2 ** 40 });
  });

  it("are refused in a format of another version", async () => {
    const store = new MemoryStore();
    const { key } = positionChange("a", 7);
    await store.commit([{ key, value: Buffer.of(9, 0, 0, 0, 0, 0, 0) }]);
    expect(() => readPosition(store, "a")).toThrow(
      expect.objectContaining({ code: "FORMAT_UNKNOWN" }),
    );
  });

  it("are hidden from owners, in every range", async () => {
    const store = new MemoryStore();
    const rows = ["!before", '"', "$after", "a", "b"].map((key) => ({
      key,
      value: Buffer.from(""),
    }));
    await store.commit([...rows, logIdChange(LOG_ID), positionChange("a", 7)]);
    const state = withoutLogRows(store);
    const visible = ["!before", '"', "$after", "a", "b"];
    expect(keysOf(state.range("", "~"))).toEqual(visible);
    expect(keysOf(state.range("", "~", { reverse: true }))).toEqual(visible.toReversed());
    expect(keysOf(state.range("", "~", { limit: 3 }))).toEqual(visible.slice(0, 3));
    expect(keysOf(state.range("", "~", { limit: 4, reverse: true }))).toEqual(
      visible.slice(1).toReversed(),
    );
    expect(keysOf(state.range("#", "$"))).toEqual([]);
    expect(keysOf(state.range("#log/a", "b"))).toEqual(["$after", "a"]);
    expect(keysOf(state.range("!", "#z"))).toEqual(["!before", '"']);
    expect(keysOf(state.range("a", "c"))).toEqual(["a", "b"]);
    expect(state.get(logIdChange(LOG_ID).key)).toBeUndefined();
    expect(state.get("a")).toEqual(Buffer.from(""));
  });
});
