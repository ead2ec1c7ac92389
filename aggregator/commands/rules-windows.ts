/** Runs threshold rules over events of a file, counted as agents count lines, and over archived windows. */

import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import {
  type Dimensions,
  dimensionsKey,
  makeDimensions,
} from "../../shared/aggregates/dimensions.ts";
import { levelOfText } from "../../shared/events/event-fields.ts";
import { MINUTE_MS, minuteOf } from "../../shared/time/window.ts";
import type { ArchiveReader } from "../archive/read-archive.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import type { ThresholdRule } from "../rules/threshold-rule.ts";
import { type CountedMinute, changeText, WindowRun } from "../rules/window-run.ts";

/** Threshold rules over events of a file: what they say is known when all are read. */
export class EventWindows {
  readonly #rules: readonly ThresholdRule[];
  /** Dimensions that any of the rules asks for. */
  readonly #by: readonly string[];
  readonly #counted = new Map<string, CountedMinute>();

  constructor(rules: readonly ThresholdRule[]) {
    this.#rules = rules;
    this.#by = [...new Set(rules.flatMap(({ config }) => config.by))];
  }

  /** Counts an event by `service`, `level` and `duration` in milliseconds; one without a service is none of a log. */
  add({ ts, fields }: CepEvent): void {
    const { service, level, duration } = fields;
    if (this.#rules.length === 0 || typeof service !== "string") return;
    const minute = minuteOf(ts);
    const dimensions = this.#dimensionsOf(fields);
    const key = JSON.stringify([minute, service, dimensionsKey(dimensions)]);
    let known = this.#counted.get(key);
    if (known === undefined) {
      known = { tenant: "", stream: "", service, dimensions, minute, aggregate: new Aggregate() };
      this.#counted.set(key, known);
    }
    const isTimed = typeof duration === "number" && duration >= 0;
    const durationUs = isTimed ? Math.floor(duration * 1_000 + 0.5) : -1;
    known.aggregate.add(levelOfText(typeof level === "string" ? level : "INFO"), durationUs);
  }

  /** What the rules found, a line each, by time. */
  text(): string {
    const minutes = [...this.#counted.values()].toSorted((a, b) => a.minute - b.minute);
    const found = this.#rules.flatMap((rule) => {
      const run = new WindowRun(rule);
      const { stream } = rule.config;
      return [
        ...minutes.flatMap((one) => {
          const before = run.advance(one.minute);
          run.add({ ...one, stream });
          return before;
        }),
        ...run.advance((minutes.at(-1)?.minute ?? 0) + rule.widthMinutes),
      ];
    });
    const sorted = found.toSorted((a, b) => a.atMs - b.atMs);
    return sorted.map((one) => `${changeText(one)}\n`).join("");
  }

  #dimensionsOf(fields: Readonly<Record<string, unknown>>): Dimensions {
    return makeDimensions(
      this.#by.flatMap((name) => {
        const value = fields[name];
        if (typeof value === "string") return [[name, value] as const];
        const isSimple = typeof value === "number" || typeof value === "boolean";
        return isSimple ? [[name, `${value}`] as const] : [];
      }),
    );
  }
}

/** Runs threshold rules over archived windows; hands what they find to `say`, and resolves with the count of windows. */
export async function backtestThresholds(
  reader: ArchiveReader,
  rules: readonly ThresholdRule[],
  range: { readonly fromMinute: number; readonly toMinute: number },
  say: (text: string) => Promise<void>,
): Promise<number> {
  const runs = rules.map((rule) => new WindowRun(rule));
  const advance = (minute: number) =>
    runs
      .flatMap((run) => run.advance(minute))
      .map((found) => `${changeText(found)}\n`)
      .join("");
  let count = 0;
  let last: number | undefined;
  for await (const window of reader.windows(range.fromMinute, range.toMinute, true)) {
    if (window.minute !== last) await say(advance(window.minute));
    last = window.minute;
    count++;
    for (const run of runs) run.add(window);
  }
  const widest = Math.max(0, ...rules.map(({ widthMinutes }) => widthMinutes));
  const end = last === undefined ? range.toMinute : Math.max(last + widest, range.toMinute);
  if (Number.isFinite(end * MINUTE_MS)) await say(advance(end));
  return count;
}
