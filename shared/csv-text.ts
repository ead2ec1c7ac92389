/** Lines of CSV (RFC 4180), for spreadsheets. */

/** What spreadsheets take for the beginning of a formula; a text that begins so gets an apostrophe before it, as OWASP advises. */
const FORMULA = /^[=+\-@\t\r]/;

/** A line of these cells, with its line end. Numbers stay numbers, also negative ones; absent values are empty. */
export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const raw = typeof value === "string" ? value : JSON.stringify(value);
  const text = FORMULA.test(raw) ? `'${raw}` : raw;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
