import type { DuckDBResult, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { csvLine } from "../../shared/csv-text.ts";
import { eachRow } from "./read-archive.ts";

const WIDTH_MAX = 60;
/** A table's columns are as wide as these first rows need. */
const FIRST_ROWS = 1_000;
/** Text is handed on in pieces of about this many characters. */
const PIECE_LENGTH = 65_536;

/** The rows of a result as JSON lines, in pieces. Fails with ARCHIVE_FAILED. */
export async function* resultNdjson(result: DuckDBResult): AsyncIterable<string> {
  const convert = await valueConverter(result);
  const names = result.deduplicatedColumnNames();
  let text = "";
  for await (const row of eachRow(result)) {
    const values = names.map((name, index) => [name, convert(row[index] ?? null, index)] as const);
    text += `${JSON.stringify(Object.fromEntries(values))}\n`;
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** The rows of a result as CSV under their names, in pieces. Fails with ARCHIVE_FAILED. */
export async function* resultCsv(result: DuckDBResult): AsyncIterable<string> {
  const convert = await valueConverter(result);
  const names = result.deduplicatedColumnNames();
  let text = csvLine(names);
  for await (const row of eachRow(result)) {
    text += csvLine(names.map((_, index) => convert(row[index] ?? null, index)));
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** The rows of a result as a table for people, in pieces. Fails with ARCHIVE_FAILED. */
export async function* resultTable(result: DuckDBResult): AsyncIterable<string> {
  const convert = await valueConverter(result);
  const names = result.deduplicatedColumnNames();
  let widths: readonly number[] | undefined;
  let waiting: string[][] = [names];
  const take = () => {
    widths ??= names.map((_, column) =>
      Math.max(...waiting.map((row) => (row[column] ?? "").length)),
    );
    const text = waiting.map((row) => line(row, widths ?? [])).join("");
    waiting = [];
    return text;
  };
  for await (const row of eachRow(result)) {
    waiting.push(names.map((_, index) => cellText(convert(row[index] ?? null, index))));
    if (waiting.length > FIRST_ROWS) yield take();
  }
  yield take();
}

function line(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((text, column) => text.padEnd(widths[column] ?? 0));
  return `${cells.join("  ").trimEnd()}\n`;
}

function cellText(value: unknown): string {
  const raw = typeof value === "string" ? value : JSON.stringify(value);
  const text = raw.replaceAll(/\s/g, " ");
  return text.length <= WIDTH_MAX ? text : `${text.slice(0, WIDTH_MAX - 1)}…`;
}

type Convert = (value: DuckDBValue, column: number) => unknown;

/** Values as JSON knows them: times as ISO texts, whole numbers as numbers while these are exact. */
async function valueConverter(result: DuckDBResult): Promise<Convert> {
  const { DuckDBBlobValue, DuckDBDecimalValue, DuckDBTimestampValue, JsonDuckDBValueConverter } =
    await import("@duckdb/node-api");
  const types: readonly DuckDBType[] = result.columnTypes();
  return (value, column) => {
    if (typeof value === "bigint") return wholeNumber(value);
    if (value instanceof DuckDBTimestampValue) return isoTime(value.micros);
    if (value instanceof DuckDBDecimalValue) {
      return value.scale === 0 ? wholeNumber(value.value) : value.toDouble();
    }
    if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString("base64");
    if (typeof value === "string") {
      return types[column]?.alias === "JSON" ? JSON.parse(value) : value;
    }
    if (typeof value === "number" && !Number.isFinite(value)) return String(value);
    const type = types[column];
    if (typeof value !== "object" || value === null || type === undefined) return value;
    return JsonDuckDBValueConverter(value, type, JsonDuckDBValueConverter);
  };
}

function wholeNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function isoTime(micros: bigint): string {
  const date = new Date(Number(micros / 1_000n));
  return Number.isNaN(date.getTime()) ? `${micros} µs` : date.toISOString();
}
