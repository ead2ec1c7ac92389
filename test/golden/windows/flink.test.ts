import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../../aggregator/collect/source-watermark.ts";
import { StageOne } from "../../../aggregator/collect/stage-one.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../aggregator/process/stage-two.ts";
import { MemoryStore } from "../../../aggregator/state/memory-store.ts";
import { readProcessRow } from "../../../aggregator/state/read-agents.ts";
import { readChanges } from "../../../aggregator/state/read-windows.ts";
import { Aggregate, LEVEL_INDEX, type Level } from "../../../shared/aggregates/aggregate.ts";
import type { Batch } from "../../../shared/protocol/batch.ts";
import { logRecord, report, SampleAgent } from "../../unit/aggregator/collect/sample-agent.ts";

interface WindowCase {
  readonly id: string;
  readonly outOfOrderness: number;
  readonly allowedLateness: number;
  readonly events: readonly {
    readonly id: number;
    readonly ts: number;
    readonly service: string;
    readonly level: Level;
    readonly duration: number;
  }[];
  readonly expect: { readonly fires: readonly Fire[]; readonly dropped: readonly number[] };
}

/** One emission of a window. */
interface Fire {
  readonly service: string;
  readonly start: number;
  readonly total: number;
  readonly errors: number;
  readonly sumDuration: number;
  readonly watermark: number | "end";
}

/** What differs in one case. */
interface Difference {
  readonly id: string;
  /** Emissions that only these windows make: each counts events that Flink drops. */
  readonly onlyHere: readonly string[];
  readonly onlyFlink: readonly string[];
}

const folder = import.meta.dirname;
const cases: readonly WindowCase[] = gunzipSync(readFileSync(join(folder, "cases.ndjson.gz")))
  .toString("utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const listed: { readonly reason: string; readonly cases: readonly Difference[] } = JSON.parse(
  readFileSync(join(folder, "differences.json"), "utf8"),
);

const text = ({ service, start, total, errors, sumDuration, watermark }: Fire) =>
  `${service} ${start} total ${total} errors ${errors} sum ${sumDuration.toFixed(6)} at ${watermark}`;

/** Sends every event as a batch of its own through both stages; what becomes final or corrected, when it does. */
async function fires({ events, outOfOrderness }: WindowCase): Promise<Fire[]> {
  const [collected, processed] = [new MemoryStore(), new MemoryStore()];
  const settings = { ...WATERMARK_DEFAULTS, outOfOrdernessMs: outOfOrderness };
  const one = new StageOne(collected, 1, settings);
  const two = new StageTwo(processed, WINDOW_DEFAULTS);
  const agent = new SampleAgent("web-1");
  const found: Fire[] = [];
  let position = 0;
  let clockMs = 0;
  one.apply(logRecord(position++, clockMs, agent.fence(1)));
  const take = async (batch: Partial<Batch>, isEnd: boolean) => {
    one.apply(logRecord(position++, clockMs, agent.send(batch)));
    const seen = readProcessRow(processed).changeNumber;
    do {
      const { deltas, watermark, early, last } = one.flush();
      for (const delta of deltas[0] ?? []) two.merge(delta);
      if (watermark !== undefined) two.observe(0, watermark);
      two.housekeep();
      await collected.commit([...early, ...last]);
      await processed.commit(two.flush().changes);
      two.settle();
    } while (two.hasHousekeeping);
    const { watermarkMs } = readProcessRow(processed);
    for (const { window } of readChanges(processed, seen, 10_000)) {
      if (window.windowMinutes > 1 || window.state === "provisional") continue;
      const { service, minute, aggregate } = window;
      const [total, errors] = [aggregate.requestCount, aggregate.errorCount];
      const sumDuration = aggregate.durationSum / 1_000;
      const watermark = isEnd ? "end" : (watermarkMs ?? Number.NaN);
      found.push({ service, start: minute * 60_000, total, errors, sumDuration, watermark });
    }
  };
  for (const { ts, service, level, duration } of events) {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX[level], Math.round(duration * 1_000));
    clockMs = Math.max(clockMs, ts);
    const delta = { stream: "application-logs", service, minute: Math.floor(ts / 60_000), aggregate };
    await take({ deltas: [delta], sources: report(ts) }, false);
  }
  // All read, and long ago: the watermark goes to the end of the newest window.
  clockMs += 3_600_000;
  await take({ sources: report(undefined, "ended") }, true);
  return found;
}

/** Those of `some` that are not among `others`, each as often as it is missing. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return some.filter((each) => {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

describe("Apache Flink's windows", () => {
  it("become final at the same watermark with the same numbers; what it drops as late corrects them here", async () => {
    expect(cases).toHaveLength(11);
    const differences: Difference[] = [];
    for (const golden of cases) {
      const ours = (await fires(golden)).map(text);
      const theirs = golden.expect.fires.map(text);
      const [onlyHere, onlyFlink] = [without(ours, theirs), without(theirs, ours)];
      if (onlyHere.length + onlyFlink.length === 0) continue;
      differences.push({ id: golden.id, onlyHere, onlyFlink });
      // Each dropped event is one emission more, and nothing else is.
      expect(onlyHere, golden.id).toHaveLength(golden.expect.dropped.length);
    }
    expect(differences).toEqual(listed.cases);
  });

  it("lose no event here: the last state of all windows counts every one", async () => {
    for (const golden of cases) {
      const last = new Map<string, Fire>();
      for (const fire of await fires(golden)) last.set(`${fire.service} ${fire.start}`, fire);
      const total = [...last.values()].reduce((sum, fire) => sum + fire.total, 0);
      expect(total, golden.id).toBe(golden.events.length);
    }
  });
});
