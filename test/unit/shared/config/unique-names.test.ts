import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadConfig } from "../../../../shared/config/load.ts";
import { uniqueNames } from "../../../../shared/config/unique-names.ts";

const schema = z.strictObject({
  sources: z
    .array(z.strictObject({ name: z.string(), path: z.string() }))
    .check(uniqueNames("source")),
});

describe("uniqueNames", () => {
  it("tells a name given twice, also when something else is wrong", () => {
    const text = "sources:\n  - { name: a, path: x }\n  - { name: a, pat: x }\n";
    const faults = loadConfig(schema, text, "f").faults ?? [];
    expect(
      faults.map((fault) => `${fault.line}:${fault.column} ${fault.path}: ${fault.message}`),
    ).toEqual([
      "3:5 sources[1].path: missing: expected a text",
      "3:13 sources[1].name: expected a name that no other source has, got `a`",
      "3:16 sources[1].pat: unknown key `pat`; did you mean `path`?",
    ]);
  });

  it("leaves a list of different names and a thing that is no list alone", () => {
    expect(
      loadConfig(schema, "sources: [{name: a, path: x}, {name: b, path: x}]", "f").faults,
    ).toBeUndefined();
    expect(loadConfig(schema, "sources: 3", "f").faults).toHaveLength(1);
  });
});
