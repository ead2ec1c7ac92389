/** What a careful programmer writes first: split a buffer at line feeds, JSON.parse each line, and aggregate as the product does. */
import { closeSync, openSync, readSync } from "node:fs";
import { Aggregate, LEVEL_INDEX, LEVELS } from "../../shared/aggregates/aggregate.ts";

const READ_BYTES = 256 * 1024;
const MINUTE_MS = 60_000;
const levelIndex = new Map<unknown, number>(LEVELS.map((level) => [level, LEVEL_INDEX[level]]));

/** Counts a file of plain JSON lines and returns how many there were. */
export function scanBaseline(path: string): number {
  const windows = new Map<string, Map<number, Aggregate>>();
  const file = openSync(path, "r");
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let held = 0;
  let lineCount = 0;
  for (;;) {
    const bytes = readSync(file, buffer, held, buffer.length - held, null);
    if (bytes === 0) break;
    const to = held + bytes;
    let at = 0;
    for (let end = buffer.indexOf(10, at); end >= 0 && end < to; end = buffer.indexOf(10, at)) {
      countLine(windows, buffer.toString("utf8", at, end));
      lineCount++;
      at = end + 1;
    }
    buffer.copyWithin(0, at, to);
    held = to - at;
  }
  closeSync(file);
  return lineCount;
}

function countLine(windows: Map<string, Map<number, Aggregate>>, line: string): void {
  const { timestamp, service, level, duration } = JSON.parse(line);
  const minute = Math.floor(Date.parse(timestamp) / MINUTE_MS);
  let minutes = windows.get(service);
  if (minutes === undefined) {
    minutes = new Map();
    windows.set(service, minutes);
  }
  let aggregate = minutes.get(minute);
  if (aggregate === undefined) {
    aggregate = new Aggregate();
    minutes.set(minute, aggregate);
  }
  aggregate.add(levelIndex.get(level) ?? LEVEL_INDEX.OTHER, Math.floor(duration * 1000 + 0.5));
}
