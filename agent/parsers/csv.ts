/**
 * Values with a delimiter between them, as RFC 4180 describes: a value in quotes may hold delimiters, line feeds and doubled quotes.
 * The names of the columns are configured. A line of these names is a header and filtered. Values beyond the last column are fields
 * `column_N`; fewer values than columns are fine.
 */
import { assert } from "../../shared/assert.ts";
import { defineParser } from "../../shared/events/parser.ts";
import { type FindValues, type NamedValues, NamedValuesParser } from "./named-values.ts";

const QUOTE = '"';

/** The values of a line; undefined when a quote is not closed, or text follows one that is. */
export function csvValues(line: string, delimiter: string): string[] | undefined {
  const values: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === QUOTE) {
      let value = "";
      let close = line.indexOf(QUOTE, at + 1);
      while (close >= 0 && line[close + 1] === QUOTE) {
        value += line.slice(at + 1, close + 1);
        at = close + 1;
        close = line.indexOf(QUOTE, at + 1);
      }
      if (close < 0) return undefined;
      values.push(value + line.slice(at + 1, close));
      at = close + 1;
      if (at < line.length && !line.startsWith(delimiter, at)) return undefined;
    } else {
      const end = line.indexOf(delimiter, at);
      values.push(line.slice(at, end < 0 ? line.length : end));
      at = end < 0 ? line.length : end;
    }
    if (at >= line.length) return values;
    at += delimiter.length;
  }
}

function findByColumn(columns: readonly string[], delimiter: string): FindValues {
  return (line) => {
    const cells = csvValues(line, delimiter);
    if (cells === undefined) return "unparsed";
    if (cells.length === columns.length && cells.every((cell, at) => cell === columns[at])) {
      return "header";
    }
    const values: NamedValues = new Map();
    cells.forEach((cell, at) => values.set(columns[at] ?? `column_${at + 1}`, cell));
    return values;
  };
}

/** Reads lines of values. */
export const parser = defineParser({
  summary: "Values with a delimiter between them (CSV, TSV), in configured columns.",
  needs: ["columns"],
  takes: ["delimiter", "timeFormats"],
  compile: (options) => {
    const { columns, delimiter = "," } = options;
    assert(columns !== undefined, "the columns were checked before");
    return new NamedValuesParser(findByColumn(columns, delimiter), options);
  },
});
