import { describe, expect, it } from "vitest";
import {
  DIMENSION_VALUE_LENGTH_MAX,
  DIMENSIONS_NONE,
  dimensionsKey,
  foldDimensions,
  makeDimensions,
  pickDimensions,
} from "../../../../shared/aggregates/dimensions.ts";

describe("dimensions", () => {
  it("have one order of names, and the same key for the same values", () => {
    const one = makeDimensions([
      ["zone", "a"],
      ["host", "web-1"],
    ]);
    const other = makeDimensions([
      ["host", "web-1"],
      ["zone", "a"],
    ]);
    expect(Object.keys(one)).toEqual(["host", "zone"]);
    expect(dimensionsKey(one)).toBe(dimensionsKey(other));
    expect(dimensionsKey(DIMENSIONS_NONE)).toBe("");
    expect(dimensionsKey(makeDimensions([["a", "b,c"]]))).not.toBe(
      dimensionsKey(makeDimensions([["a,b", "c"]])),
    );
  });

  it("have values that are valid and not too long", () => {
    const { path = "" } = makeDimensions([["path", `\ud800${"x".repeat(1000)}`]]);
    expect(path).toHaveLength(DIMENSION_VALUE_LENGTH_MAX);
    expect(path.isWellFormed()).toBe(true);
  });

  it("are folded, or picked, by name", () => {
    const dimensions = makeDimensions([
      ["host", "web-1"],
      ["path", "/a"],
    ]);
    expect(foldDimensions(dimensions)).toEqual({ host: "__other__", path: "__other__" });
    expect(pickDimensions(dimensions, ["zone", "host"])).toEqual({ host: "web-1", zone: "" });
  });
});
