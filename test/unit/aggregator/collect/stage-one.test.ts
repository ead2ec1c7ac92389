import { describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import {
  type EntryResult,
  StageOne,
  type StageOneOutput,
} from "../../../../aggregator/collect/stage-one.ts";
import type { LogEntry } from "../../../../aggregator/log/log-entry.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import {
  markOf,
  readAgent,
  readAgents,
  readCheckpoints,
  readCollectRow,
  readLedger,
} from "../../../../aggregator/state/read-agents.ts";
import { DIGEST_NONE } from "../../../../shared/protocol/batch.ts";
import { checkpoint, delta, logRecord, report, SampleAgent, TEN, TEN_MS } from "./sample-agent.ts";

/** Stage 1 of one partition over a store, each step committed. */
class Collector {
  readonly store = new MemoryStore();
  readonly output: StageOneOutput[] = [];
  private stage = new StageOne(this.store, 1, WATERMARK_DEFAULTS);
  private position = 0;

  async apply(entry: LogEntry, nowMs = TEN_MS): Promise<EntryResult> {
    const result = this.stage.apply(logRecord(this.position++, nowMs, entry));
    await this.commit();
    return result;
  }

  async commit(): Promise<void> {
    const output = this.stage.flush();
    this.output.push(output);
    await this.store.commit([...output.early, ...output.last]);
  }

  /** As after a restart: what is not committed is gone. */
  reload(): void {
    this.stage = new StageOne(this.store, 1, WATERMARK_DEFAULTS);
  }

  /** Lines handed to stage 2 so far. */
  get lines(): number {
    const deltas = this.output.flatMap((output) => output.deltas.flat());
    return deltas.reduce((sum, { aggregate }) => sum + aggregate.requestCount, 0);
  }
}

function outcomes(result: EntryResult): string[] {
  if (result.kind !== "envelope") throw new Error(`not an envelope: ${result.kind}`);
  return result.outcomes.map(({ sequence, outcome }) => `${sequence} ${outcome}`);
}

function fenceOf(result: EntryResult) {
  if (result.kind !== "fence") throw new Error(`not a fence: ${result.kind}`);
  return result;
}

async function started(agent = new SampleAgent("web-1")) {
  const collector = new Collector();
  await collector.apply(agent.fence(1));
  return { collector, agent };
}

const oneLine = { deltas: [delta("orders", TEN)] };

describe("batches", () => {
  it("are applied in order, and the mark follows", async () => {
    const { collector, agent } = await started();
    const records = [agent.seal(oneLine), agent.seal(oneLine)];
    const result = await collector.apply(agent.envelope(records));
    expect(outcomes(result)).toEqual(["1 applied", "2 applied"]);
    expect(result).toMatchObject({ mark: { sequence: 2, digest: agent.digest } });
    expect(collector.lines).toBe(2);
  });

  it("that come again, in any order, are duplicates and change nothing (WIN-05, NET-01)", async () => {
    const { collector, agent } = await started();
    const envelopes = [agent.send(oneLine), agent.send(oneLine), agent.send(oneLine)];
    for (const envelope of envelopes) await collector.apply(envelope);
    for (const envelope of [...envelopes].reverse()) {
      expect(outcomes(await collector.apply(envelope))[0]).toMatch(/duplicate/);
    }
    expect(collector.lines).toBe(3);
  });

  it("that come again in one envelope with new ones: only the new ones are applied", async () => {
    const { collector, agent } = await started();
    const records = [agent.seal(oneLine), agent.seal(oneLine), agent.seal(oneLine)];
    await collector.apply(agent.envelope(records.slice(0, 2)));
    expect(outcomes(await collector.apply(agent.envelope(records)))).toEqual([
      "1 duplicate",
      "2 duplicate",
      "3 applied",
    ]);
    expect(collector.lines).toBe(3);
  });

  it("behind a gap diverge, and so does everything until the next fence", async () => {
    const { collector, agent } = await started();
    const first = agent.seal(oneLine);
    agent.seal(oneLine);
    const third = agent.seal(oneLine);
    await collector.apply(agent.envelope([first]));
    expect(outcomes(await collector.apply(agent.envelope([third])))).toEqual(["3 diverged"]);
    expect(outcomes(await collector.apply(agent.envelope([first])))).toEqual(["1 diverged"]);
    expect(readAgent(collector.store, "", "web-1")?.diverged).toBe(true);
    const next = agent.renew(2);
    await collector.apply(next.fence(2));
    expect(outcomes(await collector.apply(next.send(oneLine)))).toEqual(["1 applied"]);
    expect(collector.lines).toBe(2);
  });

  it("of a cloned data directory diverge by their digest", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send(oneLine));
    const clone = agent.clone();
    await collector.apply(agent.send(oneLine));
    const foreign = clone.send({ deltas: [delta("orders", TEN, 5)] });
    expect(outcomes(await collector.apply(foreign))).toEqual(["2 diverged"]);
    expect(collector.lines).toBe(2);
  });

  it("stop an envelope at the first that fails", async () => {
    const { collector, agent } = await started();
    const clone = agent.clone();
    const own = agent.seal(oneLine);
    const foreign = [clone.seal({ deltas: [delta("x", TEN)] }), clone.seal(oneLine)];
    await collector.apply(agent.envelope([own]));
    const result = await collector.apply(agent.envelope(foreign));
    expect(outcomes(result)).toEqual(["1 diverged"]);
    expect(collector.lines).toBe(1);
  });

  it("of an agent that never said hello diverge, so that it does", async () => {
    const collector = new Collector();
    const result = await collector.apply(new SampleAgent("web-1").send(oneLine));
    expect(outcomes(result)).toEqual(["1 diverged"]);
    expect(result).toMatchObject({ mark: undefined });
    expect([...readAgents(collector.store)]).toEqual([]);
  });

  it("of an epoch that was fenced off are fenced, of one never seen diverged", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send(oneLine));
    const next = agent.renew(2);
    await collector.apply(next.fence(2));
    expect(outcomes(await collector.apply(agent.send(oneLine)))).toEqual(["2 fenced"]);
    expect(outcomes(await collector.apply(agent.renew(3).send(oneLine)))).toEqual(["1 diverged"]);
    expect(outcomes(await collector.apply(next.send(oneLine)))).toEqual(["1 applied"]);
    expect(collector.lines).toBe(2);
  });

  it("of an epoch that lost the name do not keep the one alive that has it", async () => {
    const { collector, agent } = await started();
    const next = agent.renew(2);
    await collector.apply(next.fence(2));
    await collector.apply(next.send(oneLine), TEN_MS + 1_000);
    await collector.apply(agent.send(oneLine), TEN_MS + 2_000);
    expect(readAgent(collector.store, "", "web-1")?.seenMs).toBe(TEN_MS + 1_000);
  });

  it("that cannot be read, though they were checked, make the agent say hello", async () => {
    const { collector, agent } = await started();
    const entry = { ...agent.send(oneLine), envelope: Buffer.from("garbage") };
    expect(await collector.apply(entry)).toMatchObject({ kind: "envelope", outcomes: [] });
    expect(readAgent(collector.store, "", "web-1")?.diverged).toBe(true);
    expect(collector.lines).toBe(0);
  });

  it("of 300 records ago diverge: their digest is no longer known", async () => {
    const { collector, agent } = await started();
    const early = agent.seal(oneLine);
    const records = Array.from({ length: 300 }, () => agent.seal());
    await collector.apply(agent.envelope([early, ...records]));
    const middle = records.slice(100, 101);
    expect(outcomes(await collector.apply(agent.envelope(middle)))).toEqual(["102 duplicate"]);
    expect(outcomes(await collector.apply(agent.envelope([early])))).toEqual(["1 diverged"]);
  });

  it("are known as duplicates after a restart, too", async () => {
    const { collector, agent } = await started();
    const envelope = agent.send(oneLine);
    await collector.apply(envelope);
    collector.reload();
    expect(outcomes(await collector.apply(envelope))).toEqual(["1 duplicate"]);
    expect(outcomes(await collector.apply(agent.send(oneLine)))).toEqual(["2 applied"]);
  });

  it("with a tombstone take the digest of what they replace", async () => {
    const { collector, agent } = await started();
    const replacedDigest = "12".repeat(16);
    const tombstone = { reason: "malformed_batch", replacedDigest } as const;
    await collector.apply(agent.send({ tombstone }));
    expect(readAgent(collector.store, "", "web-1")?.digest).toBe(replacedDigest);
    expect(outcomes(await collector.apply(agent.send(oneLine)))).toEqual(["2 applied"]);
  });
});

describe("fences", () => {
  it("answer an agent that was never seen that it is unknown", async () => {
    const collector = new Collector();
    const result = fenceOf(await collector.apply(new SampleAgent("web-1").fence(1)));
    expect(result.verdict).toBe("taken");
    expect(result.snapshot).toEqual({
      known: false,
      mark: undefined,
      checkpoints: [],
      ledger: [],
    });
  });

  it("take effect only with the next number", async () => {
    const { collector, agent } = await started();
    expect(fenceOf(await collector.apply(agent.renew(2).fence(1))).verdict).toBe("lost");
    expect(fenceOf(await collector.apply(agent.renew(2).fence(3))).verdict).toBe("lost");
    expect(fenceOf(await collector.apply(agent.renew(2).fence(2))).verdict).toBe("taken");
    expect(fenceOf(await collector.apply(agent.renew(3).fence(2))).verdict).toBe("lost");
    expect(readAgent(collector.store, "", "web-1")?.fenceNumber).toBe(2);
  });

  it("repeated by the same epoch give the first answer again", async () => {
    const collector = new Collector();
    const agent = new SampleAgent("web-1");
    const first = fenceOf(await collector.apply(agent.fence(1)));
    expect(fenceOf(await collector.apply(agent.fence(1)))).toEqual(first);
    expect(fenceOf(await collector.apply(agent.fence(2)))).toEqual(first);
    expect(readAgent(collector.store, "", "web-1")?.fenceNumber).toBe(1);
  });

  it("repeated after records came are those of a data directory that forgot them: refused", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send(oneLine));
    expect(fenceOf(await collector.apply(agent.fence(2))).verdict).toBe("retired");
    expect(readAgent(collector.store, "", "web-1")).toMatchObject({ fenceNumber: 1, sequence: 1 });
    expect(fenceOf(await collector.apply(agent.renew(2).fence(2))).verdict).toBe("taken");
  });

  it("of an epoch that was fenced off never take effect again, however late they come", async () => {
    const { collector, agent } = await started();
    const next = agent.renew(2);
    await collector.apply(next.fence(2));
    expect(fenceOf(await collector.apply(agent.fence(3))).verdict).toBe("retired");
    expect(readAgent(collector.store, "", "web-1")?.epoch).toBe(next.epoch);
  });

  it("answer mark, checkpoints and ledger as of the fence", async () => {
    const { collector, agent } = await started();
    const entry = { source: "app", kind: "aggregated", reason: "", lines: 1, bytes: 9 } as const;
    await collector.apply(
      agent.send({
        checkpoints: [checkpoint(1), checkpoint(2, { removed: true })],
        ledger: [entry],
      }),
    );
    await collector.apply(
      agent.send({ checkpoints: [checkpoint(1, { from: 100, offset: 250 })], ledger: [entry] }),
    );
    const next = agent.renew(2);
    const result = fenceOf(await collector.apply(next.fence(2)));
    expect(result.snapshot).toEqual({
      known: true,
      mark: { epoch: agent.epoch, sequence: 2, digest: agent.digest },
      checkpoints: [
        checkpoint(1, { from: 250, offset: 250 }),
        checkpoint(2, { from: 100, removed: true }),
      ],
      ledger: [entry],
    });
  });

  it("begin the sequence anew, so that digests of the epoch before mean nothing", async () => {
    const { collector, agent } = await started();
    const old = agent.seal(oneLine);
    await collector.apply(agent.envelope([old]));
    const next = agent.renew(2);
    await collector.apply(next.fence(2));
    const row = readAgent(collector.store, "", "web-1");
    expect(row && markOf(row)).toEqual({ epoch: next.epoch, sequence: 0, digest: DIGEST_NONE });
    await collector.apply(next.send(oneLine));
    expect(outcomes(await collector.apply(next.envelope([old])))).toEqual(["1 diverged"]);
  });

  it("in the same group as the batches before them see these", async () => {
    const collector = new Collector();
    const stage = new StageOne(collector.store, 1, WATERMARK_DEFAULTS);
    const agent = new SampleAgent("web-1");
    stage.apply(logRecord(0, TEN_MS, agent.fence(1)));
    stage.apply(logRecord(1, TEN_MS, agent.send({ checkpoints: [checkpoint(1)] })));
    const result = fenceOf(stage.apply(logRecord(2, TEN_MS, agent.renew(2).fence(2))));
    expect(result.snapshot.checkpoints).toHaveLength(1);
  });
});

describe("checkpoints and ledger", () => {
  it("of removed files are kept up to a bound, the lowest numbers forgotten first", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send({ checkpoints: [checkpoint(0)] }));
    for (let file = 1; file <= 300; file++) {
      await collector.apply(agent.send({ checkpoints: [checkpoint(file, { removed: true })] }));
    }
    const files = readCheckpoints(collector.store, "", "web-1").map(({ file }) => file);
    expect(files).toEqual([0, ...Array.from({ length: 256 }, (_, index) => 45 + index)]);
  });

  it("of a file that comes back are kept", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send({ checkpoints: [checkpoint(1, { removed: true })] }));
    await collector.apply(agent.send({ checkpoints: [checkpoint(1, { offset: 500 })] }));
    expect(readAgent(collector.store, "", "web-1")?.removedFiles).toEqual([]);
    expect(readCheckpoints(collector.store, "", "web-1")[0]).toMatchObject({
      offset: 500,
      from: 500,
      removed: false,
    });
  });

  it("are those of the last applied batch: the ledger is cumulative", async () => {
    const { collector, agent } = await started();
    const entry = { source: "app", kind: "lost", reason: "unreadable", bytes: 1 } as const;
    await collector.apply(agent.send({ ledger: [{ ...entry, lines: 1 }] }));
    await collector.apply(agent.send({ ledger: [{ ...entry, lines: 4 }] }));
    expect(readLedger(collector.store, "", "web-1")).toEqual([{ ...entry, lines: 4 }]);
  });
});

describe("the output", () => {
  it("merges deltas of one window over all agents and batches", async () => {
    const collector = new Collector();
    const stage = new StageOne(collector.store, 1, WATERMARK_DEFAULTS);
    const agents = ["a", "b", "c"].map((name) => new SampleAgent(name));
    let position = 0;
    for (const agent of agents) stage.apply(logRecord(position++, TEN_MS, agent.fence(1)));
    for (const agent of agents) {
      const deltas = [delta("orders", TEN, 2, 1), delta("carts", TEN, 1)];
      stage.apply(logRecord(position++, TEN_MS, agent.send({ deltas })));
      stage.apply(logRecord(position++, TEN_MS, agent.send({ deltas: [delta("orders", TEN)] })));
    }
    const [deltas = []] = stage.flush().deltas;
    expect(deltas.map(({ series, aggregate }) => [series.service, aggregate.requestCount])).toEqual(
      [
        ["orders", 9],
        ["carts", 3],
      ],
    );
    expect(deltas[0]?.contributors.list()).toEqual(
      ["a", "b", "c"].map((agent) => ({ agent, requestCount: 3, errorCount: 1 })),
    );
  });

  it("sends each series to one partition, whatever agent and minute it comes from", () => {
    const stage = new StageOne(new MemoryStore(), 4, WATERMARK_DEFAULTS);
    const agent = new SampleAgent("a");
    stage.apply(logRecord(0, TEN_MS, agent.fence(1)));
    const services = Array.from({ length: 40 }, (_, index) => `service-${index}`);
    const deltas = services.flatMap((service) => [delta(service, TEN), delta(service, TEN + 1)]);
    stage.apply(logRecord(1, TEN_MS, agent.send({ deltas })));
    const { deltas: byPartition } = stage.flush();
    const names = byPartition.map((partition) => new Set(partition.map((d) => d.series.service)));
    expect(names.reduce((sum, set) => sum + set.size, 0)).toBe(40);
    for (const set of names) expect(set.size).toBeGreaterThan(2);
  });

  it("moves the watermark with the batch that brought the event, and says so once", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send({ ...oneLine, sources: report(TEN_MS) }));
    expect(collector.output.at(-1)?.watermark).toEqual({
      watermarkMs: TEN_MS - 10_001,
      idle: false,
      selection: { revision: "", sinceMs: undefined },
    });
    await collector.apply({ kind: "tick", nowMs: TEN_MS + 1000 });
    expect(collector.output.at(-1)?.watermark).toBeUndefined();
    expect(collector.output.at(-1)?.isQuiet).toBe(true);
  });

  it("has the same clock whatever order ticks and stamps come in, and it never goes back", async () => {
    const { collector, agent } = await started();
    await collector.apply({ kind: "tick", nowMs: TEN_MS + 5000 }, TEN_MS - 90_000);
    await collector.apply(agent.send(oneLine), TEN_MS + 2000);
    expect(readCollectRow(collector.store).clockMs).toBe(TEN_MS + 5000);
  });

  it("counts lines received, for the balance with what stage 2 merged", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send({ deltas: [delta("orders", TEN, 7)] }));
    expect(readCollectRow(collector.store).receivedLines).toBe(7);
    expect(readAgent(collector.store, "", "web-1")?.counters).toMatchObject({
      applied: 1,
      lines: 7,
    });
  });

  it("is the same after a restart: watermark, sources and all", async () => {
    const { collector, agent } = await started();
    await collector.apply(agent.send({ ...oneLine, sources: report(TEN_MS) }));
    collector.reload();
    await collector.apply({ kind: "tick", nowMs: TEN_MS + 30_000 });
    expect(collector.output.at(-1)?.watermark).toEqual({
      watermarkMs: TEN_MS - 10_000,
      idle: true,
      selection: { revision: "", sinceMs: TEN_MS - 10_000 },
    });
  });
});
