import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../aggregator/collect/source-watermark.ts";
import { StageOne } from "../../aggregator/collect/stage-one.ts";
import { decodeKeyedEntry, encodeDeltas } from "../../aggregator/log/keyed-entry.ts";
import type { LogEntry } from "../../aggregator/log/log-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../aggregator/process/stage-two.ts";
import { MemoryStore } from "../../aggregator/state/memory-store.ts";
import { readChanges } from "../../aggregator/state/read-windows.ts";
import { encodeAggregate } from "../../aggregator/state/window-row.ts";
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import {
  logRecord,
  report,
  SampleAgent,
  TEN,
  TEN_MS,
} from "../unit/aggregator/collect/sample-agent.ts";
import { allWindows } from "../unit/aggregator/process/sample-deltas.ts";

interface Event {
  readonly service: string;
  readonly minute: number;
  readonly level: number;
  readonly durationUs: number;
}

/** What an agent sees, batch by batch. */
type AgentEvents = readonly (readonly Event[])[];

const event = fc.record({
  service: fc.constantFrom("a", "b", "ß", "x/y"),
  minute: fc.integer({ min: TEN - 3, max: TEN + 3 }),
  level: fc.integer({ min: 0, max: 6 }),
  durationUs: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 5_000_000 })),
});
const fleet: fc.Arbitrary<readonly AgentEvents[]> = fc.array(
  fc.array(fc.array(event, { maxLength: 5 }), { maxLength: 4 }),
  { minLength: 1, maxLength: 3 },
);
const choices = fc.infiniteStream(fc.nat({ max: 2 ** 30 }));

function deltasOf(events: readonly Event[]): Delta[] {
  const deltas = new Map<string, Delta>();
  for (const { service, minute, level, durationUs } of events) {
    const key = `${service} ${minute}`;
    const delta = deltas.get(key) ?? {
      stream: "application-logs",
      service,
      minute,
      aggregate: new Aggregate(),
    };
    deltas.set(key, delta);
    delta.aggregate.add(level, durationUs);
  }
  return [...deltas.values()];
}

/** Service, minute and bytes of every window, by a recount of the events alone. */
function recount(agents: readonly AgentEvents[]): Set<string> {
  const windows = deltasOf(agents.flat(2));
  return new Set(
    windows.map(({ service, minute, aggregate }) => lineOf(service, minute, aggregate)),
  );
}

function lineOf(service: string, minute: number, aggregate: Aggregate): string {
  return `${service} ${minute} ${encodeAggregate(aggregate).toString("hex")}`;
}

/** The entries of all agents, each agent's in order but sent again at random, the agents' mixed at random. */
function* shuffled(agents: readonly AgentEvents[], choose: () => number): Iterable<LogEntry> {
  const queues = agents.map((batches, index) => {
    const agent = new SampleAgent(`web-${index}`);
    const sources = report(TEN_MS);
    const envelopes = batches.map((events) => agent.send({ deltas: deltasOf(events), sources }));
    return { sent: 0, entries: [agent.fence(1), ...envelopes] };
  });
  for (;;) {
    const open = queues.filter(({ sent, entries }) => sent < entries.length);
    const queue = open[choose() % Math.max(1, open.length)];
    if (queue === undefined) return;
    const next = queue.entries[queue.sent];
    const again = queue.entries[choose() % (queue.sent + 1)];
    if (choose() % 3 === 0 && again !== undefined) yield again;
    if (next !== undefined) yield next;
    queue.sent++;
    if (choose() % 5 === 0) yield { kind: "tick", nowMs: TEN_MS + (choose() % 600_000) };
  }
}

/** Both stages over stores, flushed and restarted at random. */
async function run(entries: Iterable<LogEntry>, choose: () => number): Promise<MemoryStore> {
  const collected = new MemoryStore();
  const processed = new MemoryStore();
  let one = new StageOne(collected, 1, WATERMARK_DEFAULTS);
  let two = new StageTwo(processed, { ...WINDOW_DEFAULTS, cacheBytesMax: 1500 });
  const flush = async () => {
    const output = one.flush();
    for (const payload of encodeDeltas(0, output.deltas[0] ?? [])) {
      const entry = decodeKeyedEntry(payload);
      if (entry.kind === "deltas") for (const delta of entry.deltas) two.merge(delta);
    }
    if (output.watermark !== undefined) two.observe(0, output.watermark);
    two.housekeep();
    await collected.commit([...output.early, ...output.last]);
    await processed.commit(two.flush().changes);
    two.settle();
  };
  let position = 0;
  for (const entry of entries) {
    one.apply(logRecord(position++, TEN_MS + (choose() % 1000), entry));
    if (choose() % 3 === 0) await flush();
    if (choose() % 7 === 0) {
      await flush();
      one = new StageOne(collected, 1, WATERMARK_DEFAULTS);
      two = new StageTwo(processed, WINDOW_DEFAULTS);
    }
  }
  await flush();
  return processed;
}

describe("windows", () => {
  it("have the same bytes whatever the partition over agents, the order, the retries and the restarts (WIN-05)", async () => {
    await fc.assert(
      fc.asyncProperty(fleet, choices, async (agents, stream) => {
        const choose = () => stream.next().value;
        const store = await run(shuffled(agents, choose), choose);
        const windows = allWindows(store);
        expect(
          new Set(
            windows.map(({ service, minute, aggregate }) => lineOf(service, minute, aggregate)),
          ),
        ).toEqual(recount(agents));
      }),
      { numRuns: 150 },
    );
  });

  it("have rising revisions and change numbers, each window once in the index of changes", async () => {
    await fc.assert(
      fc.asyncProperty(fleet, choices, async (agents, stream) => {
        const choose = () => stream.next().value;
        const store = await run(shuffled(agents, choose), choose);
        const changes = readChanges(store, 0, 1000);
        const windows = allWindows(store);
        const keys = changes.map(({ window }) =>
          [window.windowMinutes, window.service, window.minute].join(" "),
        );
        expect(new Set(keys).size).toBe(keys.length);
        const minutes = changes.filter(({ window }) => window.windowMinutes === 1);
        expect(minutes).toHaveLength(windows.length);
        const revisions = windows.reduce((sum, { revision }) => sum + revision, 0);
        const last = changes.at(-1)?.changeNumber ?? 0;
        // Every emission of a minute raises one revision; that of every window, also of a roll-up, gives one change number.
        expect(revisions).toBeLessThanOrEqual(last);
      }),
      { numRuns: 80 },
    );
  });
});
