import { describe, expect, test } from "vitest";
import { TextCache } from "../../../../agent/parsers/text-cache.ts";

describe("TextCache", () => {
  test("decodes a text once and knows it at any place", () => {
    const asked: string[] = [];
    const cache = new TextCache((text) => {
      asked.push(text);
      return text.toUpperCase();
    });
    expect(cache.get(Buffer.from("xorders"), 1, 7)).toBe("ORDERS");
    expect(cache.get(Buffer.from("orders-api"), 0, 6)).toBe("ORDERS");
    expect(asked).toEqual(["orders"]);
  });

  test("does not keep the caller's bytes", () => {
    const cache = new TextCache((text) => text);
    const bytes = Buffer.from("first");
    expect(cache.get(bytes, 0, 5)).toBe("first");
    bytes.write("other");
    expect(cache.get(bytes, 0, 5)).toBe("other");
    expect(cache.get(Buffer.from("first"), 0, 5)).toBe("first");
  });

  test("answers rightly however many texts share its slots", () => {
    const cache = new TextCache((text) => text.length);
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 20_000; index++) {
        const text = `service-${index}`;
        const bytes = Buffer.from(text);
        if (cache.get(bytes, 0, bytes.length) !== text.length) throw new Error(text);
      }
    }
    const long = Buffer.from("x".repeat(1000));
    expect(cache.get(long, 0, 1000)).toBe(1000);
    expect(cache.get(long, 0, 0)).toBe(0);
  });
});
