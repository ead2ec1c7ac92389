/** Rows of text in columns, for people. */

/** How a column is laid out: words to the left, numbers to the right. */
export type ColumnAlignment = "left" | "right";

/**
 * Lines of a table under its titles, columns two blanks apart. What comes from outside may hold control characters: they are replaced, so
 * that they cannot steer the terminal.
 */
export function textTable(
  columns: readonly (readonly [title: string, alignment: ColumnAlignment])[],
  rows: readonly (readonly string[])[],
): string {
  const shown = [columns.map(([title]) => title), ...rows].map((row) =>
    row.map((cell) => cell.replace(/\p{Cc}/gu, "\ufffd")),
  );
  const widths = columns.map((_, index) =>
    Math.max(...shown.map((row) => [...(row[index] ?? "")].length)),
  );
  const lines = shown.map((row) =>
    columns
      .map(([, alignment], index) => {
        const cell = row[index] ?? "";
        const blanks = " ".repeat((widths[index] ?? 0) - [...cell].length);
        return alignment === "left" ? cell + blanks : blanks + cell;
      })
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
