import { describe, expect, it } from "vitest";
import { z } from "zod";
import { knownKeys, knownValues } from "../../../../shared/config/known-keys.ts";

const schema = z.strictObject({
  sinks: z.array(
    z.discriminatedUnion("type", [
      z.strictObject({ type: z.literal("file"), path: z.string() }),
      z.strictObject({ type: z.literal("redis"), url: z.string() }),
    ]),
  ),
});

describe("knownKeys", () => {
  it("names the keys of the alternative that the value is of", () => {
    const value = { sinks: [{ type: "redis" }] };
    expect(knownKeys(schema, ["sinks", 0], value)).toEqual(["type", "url"]);
  });

  it("names the keys of all alternatives when none is named", () => {
    expect(knownKeys(schema, ["sinks", 0], {})).toEqual(["type", "path", "url"]);
  });
});

describe("knownValues", () => {
  it("lists what tells the alternatives apart", () => {
    expect(knownValues(schema, ["sinks", 0, "type"])).toEqual(["file", "redis"]);
  });
});
