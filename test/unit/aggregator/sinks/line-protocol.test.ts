import { describe, expect, it } from "vitest";
import { pointLine, tagFault } from "../../../../aggregator/sinks/line-protocol.ts";

describe("a line of the line protocol", () => {
  it("escapes names and tags, quotes text, and marks integers", () => {
    const line = pointLine({
      measurement: "my, table",
      tags: { service: "a b,c=d\\e", host: 'ü"x' },
      fields: {
        count: { integer: 9_007_199_254_740_991 },
        "error rate": { float: 1e-7 },
        whole: { float: 3 },
        state: 'say "no" \\ yes',
      },
      timestampMs: 1_763_632_860_000,
    });
    expect(line).toBe(
      'my\\,\\ table,host=ü"x,service=a\\ b\\,c\\=d\\e ' +
        'count=9007199254740991i,error\\ rate=1e-7,whole=3,state="say \\"no\\" \\\\ yes" 1763632860000',
    );
  });

  it.each([
    ["", "it is empty"],
    ["a\nb", "it has a line end"],
    ["a\\", "it has a backslash before a comma, a space, = or its end"],
    ["a\\,b", "it has a backslash before a comma, a space, = or its end"],
  ])("cannot hold the tag %j", (value, fault) => {
    expect(tagFault(value)).toBe(fault);
  });

  it.each(["a", "C:\\logs", "a=b, c", "日本"])("can hold the tag %j", (value) => {
    expect(tagFault(value)).toBeUndefined();
  });
});
