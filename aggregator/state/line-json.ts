import type { Level } from "../../shared/aggregates/aggregate.ts";
import type { StoredLine } from "./read-lines.ts";

/** A raw line as every interface shows it. */
export interface LineJson {
  /** The same however often the line comes. */
  readonly id: string;
  readonly timestamp: string;
  readonly stream: string;
  readonly service: string;
  readonly level: Level;
  readonly line: string;
  /** How many lines this one stands for. */
  readonly weight: number;
  readonly agent: string;
  readonly source: string;
}

/** The JSON object of a line. */
export function lineJson({ id, agent, line }: StoredLine): LineJson {
  const { timeMs, stream, service, level, weight, source } = line;
  const timestamp = new Date(timeMs).toISOString();
  return { id, timestamp, stream, service, level, line: line.line, weight, agent, source };
}
