import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineSink, resultsSetting, sinkSettings } from "../../../../aggregator/sinks/sink.ts";

describe("a sink that can take several kinds of results", () => {
  const kind = defineSink({
    summary: "For this test.",
    delivery: "idempotent",
    windowMinutes: 1,
    config: z.strictObject({ ...sinkSettings("sample"), results: resultsSetting(["alerts"]) }),
    results: (config) => config.results,
    open: () => Promise.reject(new Error("is not opened here")),
  });
  const parse = (results?: readonly string[]) =>
    kind.schema.safeParse({
      name: "a",
      type: "sample",
      ...(results === undefined ? {} : { results }),
    });

  it("takes those that its configuration names, else its own", () => {
    expect(parse().data?.results).toEqual(["alerts"]);
    expect(parse(["windows", "alerts"]).data?.results).toEqual(["windows", "alerts"]);
  });

  it.each([[[]], [["windows", "windows"]], [["lines"]]])("refuses %j", (results) => {
    expect(parse(results).success).toBe(false);
  });
});
