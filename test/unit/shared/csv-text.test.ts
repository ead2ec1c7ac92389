import { describe, expect, it } from "vitest";
import { csvLine } from "../../../shared/csv-text.ts";

describe("a line of CSV", () => {
  it("quotes what needs it", () => {
    expect(csvLine(["a", 'say "b"', "c,d", "e\nf", ""])).toBe('a,"say ""b""","c,d","e\nf",\r\n');
  });

  it("keeps numbers, truth values and JSON, and leaves absent values empty", () => {
    const cells = [-1.5, true, { host: "x" }, null, undefined];
    expect(csvLine(cells)).toBe('-1.5,true,"{""host"":""x""}",,\r\n');
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])("disarms the formula %j", (text) => {
    expect(csvLine([text]).replaceAll('"', "")).toBe(`'${text}\r\n`);
  });
});
