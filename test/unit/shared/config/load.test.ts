import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadConfig } from "../../../../shared/config/load.ts";
import { byteSize, duration } from "../../../../shared/config/units.ts";

const schema = z.strictObject({
  id: z.string().min(1),
  flush_interval: duration({ min: "100ms", max: "1h" }).prefault("5s"),
  spool: z.strictObject({ max_bytes: byteSize().prefault("1GiB") }).prefault({}),
  sinks: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("file"), path: z.string() }),
        z.strictObject({ type: z.literal("redis"), url: z.url() }),
      ]),
    )
    .min(1),
});

const faultsOf = (text: string) =>
  (loadConfig(schema, text, "a.yaml").faults ?? []).map(
    (fault) => `${fault.line}:${fault.column} ${fault.path}: ${fault.message}`,
  );

describe("loadConfig", () => {
  it("gives parsed values and defaults", () => {
    const text = "id: web-1\nflush_interval: 1.5s\nsinks: [{ type: file, path: out }]\n";
    expect(loadConfig(schema, text, "a.yaml").config).toEqual({
      id: "web-1",
      flush_interval: 1500,
      spool: { max_bytes: 2 ** 30 },
      sinks: [{ type: "file", path: "out" }],
    });
  });

  it("tells every fault at once, with line and column", () => {
    const text = [
      "id: 7",
      "flush_intervall: 1s",
      "flush_interval: 5",
      "spool:",
      "  max_bytes: 3 bananas",
      "sinks:",
      "  - { type: file, pth: x }",
      "  - type: reddis",
      "    url: here",
      "  - { type: redis, url: here }",
    ].join("\n");
    expect(faultsOf(text)).toEqual([
      "1:5 id: expected a text, got the number 7",
      "2:1 flush_intervall: unknown key `flush_intervall`; did you mean `flush_interval`?",
      "3:17 flush_interval: expected a duration such as 10s, 250ms or 2h, at least 100ms, at most 1h, got the number 5",
      "5:14 spool.max_bytes: expected a size such as 64KiB, 256MiB or 1GB, got `3 bananas`",
      "7:5 sinks[0].path: missing: expected a text",
      "7:19 sinks[0].pth: unknown key `pth`; did you mean `path`?",
      "8:11 sinks[1].type: expected one of: file, redis, got `reddis`",
      "10:25 sinks[2].url: expected an address such as http://127.0.0.1:7400, got `here`",
    ]);
  });

  it("tells a value beyond its limits what the limits are", () => {
    expect(faultsOf("id: a\nflush_interval: 2h\nsinks: [{type: file, path: x}]")).toEqual([
      "2:17 flush_interval: expected a duration such as 10s, 250ms or 2h, at least 100ms, at most 1h, got `2h`",
    ]);
  });

  it("points at what is not YAML and at a key given twice", () => {
    expect(faultsOf("id: [1\nx: 2\n")[0]).toMatch(/^2:1 : not valid YAML/);
    expect(faultsOf("id: a\nid: b\n")[0]).toMatch(/^2:1 : not valid YAML: Map keys must be unique/);
  });

  it("points at references to nothing, in circles and without end, and at keys that are no text", () => {
    const faultsOf = (text: string) =>
      loadConfig(schema, text, "f.yaml").faults?.map(
        ({ line, column, message }) => `${line}:${column} ${message}`,
      );
    expect(faultsOf("a: 1\nb: *c\n{d: 1}: *e\n")).toEqual([
      "2:4 `*c` refers to no anchor `&c`",
      "3:1 a key must be text; quote a value that begins with `{`, `[` or `?`",
      "3:9 `*e` refers to no anchor `&e`",
    ]);
    const bomb = ["a: &a [1,1,1,1,1,1,1,1,1]"];
    for (const [name, of] of ["ba", "cb", "dc", "ed", "fe"].map((pair) => [...pair])) {
      bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${of}`).join()}]`);
    }
    expect(faultsOf(bomb.join("\n"))?.join()).toMatch(/references .* cannot be followed/);
  });

  it("says what an empty file lacks", () => {
    expect(faultsOf("")).toEqual([
      "1:1 id: missing: expected a text",
      "1:1 sinks: missing: expected a list",
    ]);
  });

  it("says nothing of the length of what is no list", () => {
    expect(faultsOf('id: a\nsinks: ""\n')).toEqual(["2:8 sinks: expected a list, got ``"]);
  });

  it("refuses a file that is not keys and values", () => {
    expect(faultsOf("- a\n")).toEqual(["1:1 : expected keys and values, got a list"]);
  });
});
