import { describe, expect, it } from "vitest";
import { selectorsSchema } from "../../../../shared/events/selectors-schema.ts";

const selector = { stream: "s", keys: ["user"], where: ["type == 'A'"], fields: ["user"] };
const good = { revision: "0bad", selectors: [selector, { ...selector, stream: "t" }] };

describe("the check of selectors", () => {
  it("takes what can be used as it is", () => {
    expect(selectorsSchema.parse(good)).toEqual(good);
    expect(selectorsSchema.parse({ revision: "", selectors: [] })).toEqual({
      ...{ revision: "", selectors: [] },
    });
  });

  it.each([
    ["a revision that is no hash", { revision: "latest" }],
    ["an unknown key", { color: "red" }],
    ["two of a stream", { selectors: [selector, selector] }],
    ["an unknown key of a selector", { selectors: [{ ...selector, order: 1 }] }],
    ["an expression that does not parse", { selectors: [{ ...selector, where: ["type =="] }] }],
    ["an expression about stages", { selectors: [{ ...selector, where: ["count(first) > 1"] }] }],
    ["an empty name", { selectors: [{ ...selector, keys: [""] }] }],
    ["half a surrogate pair", { selectors: [{ ...selector, fields: ["\ud800"] }] }],
    ["a very long name", { selectors: [{ ...selector, fields: ["x".repeat(1025)] }] }],
    ["too many fields", { selectors: [{ ...selector, fields: Array<string>(257).fill("x") }] }],
  ])("refuses %s", (_, change) => {
    expect(selectorsSchema.safeParse({ ...good, ...change }).success).toBe(false);
  });
});
