import { describe, expect, it } from "vitest";
import { z } from "zod";
import { byteSize, duration } from "../../../../shared/config/units.ts";
import { settingsTable } from "../../../../shared/config/write-reference.ts";

const schema = z.strictObject({
  name: z.string().meta({ description: "What it is called.", examples: ["a|b"] }),
  wait: duration().prefault("5s").meta({ description: "How long." }),
  limits: z.strictObject({ size: byteSize().optional(), count: z.int().min(1).max(9) }),
  outputs: z.array(
    z.discriminatedUnion("type", [
      z.strictObject({ type: z.literal("file"), path: z.string() }),
      z.strictObject({ type: z.literal("redis"), mode: z.enum(["a", "b"]).prefault("a") }),
    ]),
  ),
});

describe("the table of settings", () => {
  it("has a row for each setting, with what it takes and its default", () => {
    const json = z.toJSONSchema(schema, { io: "input", reused: "inline" });
    expect(
      settingsTable({ ...json })
        .split("\n")
        .slice(2),
    ).toEqual([
      '| `name` | text | required | What it is called. Such as `"a\\|b"`. |',
      '| `wait` | duration | `"5s"` | How long. |',
      "| `limits` | keys and values | required |  |",
      "| `limits.size` | size |  |  |",
      "| `limits.count` | number from 1 to 9 | required |  |",
      "| `outputs` | list of keys and values | required |  |",
      "| `outputs[file].type` | `file` | required |  |",
      "| `outputs[file].path` | text | required |  |",
      "| `outputs[redis].type` | `redis` | required |  |",
      '| `outputs[redis].mode` | `a`, `b` | `"a"` |  |',
    ]);
  });
});
