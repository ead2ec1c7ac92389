import { describe, expect, it } from "vitest";
import { textTable } from "../../../shared/text-table.ts";

describe("a table", () => {
  it("puts words to the left and numbers to the right, two blanks apart", () => {
    const rows = [
      ["orders", "12"],
      ["pay", "3456"],
    ];
    expect(
      textTable(
        [
          ["name", "left"],
          ["count", "right"],
        ],
        rows,
      ),
    ).toBe("name    count\norders     12\npay      3456\n");
  });

  it("does not let a cell steer the terminal", () => {
    expect(textTable([["a", "left"]], [["\u001b[31mred\n"]])).toBe("a\n\ufffd[31mred\ufffd\n");
  });
});
