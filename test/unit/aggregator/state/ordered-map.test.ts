import { describe, expect, it } from "vitest";
import { OrderedMap } from "../../../../aggregator/state/ordered-map.ts";

describe("an ordered map", () => {
  it("goes on with the neighbours when it changes under a walk", () => {
    const map = new OrderedMap();
    for (const key of ["b", "d", "f"]) map.set(key, Buffer.from(key));
    const seen: string[] = [];
    for (const [key] of map.range("a", "z")) {
      seen.push(key);
      if (key === "b") map.set("a", Buffer.from("a"));
      if (key === "d") {
        map.set("d", undefined);
        map.set("e", Buffer.from("e"));
      }
    }
    expect(seen).toEqual(["b", "d", "e", "f"]);
    const back: string[] = [];
    for (const [key] of map.range("a", "z", { reverse: true })) {
      back.push(key);
      if (key === "f") map.set("g", Buffer.from("g"));
      if (key === "e") map.set("e", undefined);
    }
    expect(back).toEqual(["f", "e", "b", "a"]);
  });

  it("is independent of the map it was copied from", () => {
    const original = new OrderedMap();
    original.set("a", Buffer.from("1"));
    const copy = new OrderedMap(original);
    original.set("b", Buffer.from("2"));
    copy.set("a", undefined);
    expect([...original.range("", "z")].map(([key]) => key)).toEqual(["a", "b"]);
    expect(copy.size).toBe(0);
  });
});
