import { describe, expect, it } from "vitest";
import { QUERY_LISTS } from "../../../../aggregator/commands/query-lists.ts";

describe("query windows", () => {
  it.each([
    [null, "-"],
    [0.0123456, "0.0123 ms"],
    [9.876, "9.88 ms"],
    [99.94, "99.9 ms"],
    [999.9, "1000 ms"],
    [2_376.4, "2376 ms"],
    [123_456.7, "123457 ms"],
  ])("shows %s ms as people read numbers, never with an exponent", (p99, text) => {
    const column = QUERY_LISTS["windows"]?.table.find(({ title }) => title === "p99");
    expect(column?.value({ latency: { p99 } })).toBe(text);
  });
});
