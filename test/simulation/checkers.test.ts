import { describe, expect, it } from "vitest";
import type { Network } from "../../shared/platform/network.ts";
import { type Batch, DIGEST_NONE, type LedgerKind } from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { jsonAnswer } from "../../shared/protocol/http-answer.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import { compareEvents } from "./check-events.ts";
import { compareParts } from "./check-parts.ts";
import { compareWindows, RunningCheck } from "./check-windows.ts";
import { EventWitness, SELECTORS } from "./event-witness.ts";
import type { ObservedAgent, ObservedWindow } from "./observer.ts";
import { Recount } from "./recount.ts";

const START = "2026-01-06T12:00:00.000Z";

function written(): Recount {
  const recount = new Recount();
  const timeMs = Date.parse(START);
  recount.add({ service: "a", timeMs: timeMs + 59_999, level: "ERROR", durationUs: 1_500 });
  recount.add({ service: "a", timeMs, level: "INFO", durationUs: undefined });
  recount.add({ service: "b", timeMs, level: "INFO", durationUs: undefined });
  return recount;
}

const windowA: ObservedWindow = {
  service: "a",
  windowStart: START,
  requestCount: 2,
  errorCount: 1,
  avgLatency: 1.5,
  latency: { min: 1.5, max: 1.5 },
  levels: { INFO: 1, ERROR: 1 },
  state: "final",
  revision: 3,
};
const windowB: ObservedWindow = {
  ...windowA,
  service: "b",
  requestCount: 1,
  errorCount: 0,
  avgLatency: null,
  latency: null,
  levels: { INFO: 1 },
};

describe("the comparison with the recount", () => {
  it("finds nothing wrong with windows that are right", () => {
    expect(compareWindows([windowA, windowB], written())).toBeUndefined();
  });

  it.each([
    ["a line too few", { requestCount: 1 }],
    ["an error too many", { errorCount: 2 }],
    ["another level", { levels: { WARN: 1, ERROR: 1 } }],
    ["a sum of durations that is off", { avgLatency: 1.5001 }],
    ["a wrong minimum", { latency: { min: 1.4, max: 1.5 } }],
    ["no latency at all", { latency: null }],
    ["another service", { service: "c" }],
    ["another minute", { windowStart: "2026-01-06T12:01:00.000Z" }],
  ])("finds %s", (_, change) => {
    expect(compareWindows([{ ...windowA, ...change }, windowB], written())).toBeDefined();
  });

  it("finds windows that are missing or served twice", () => {
    expect(compareWindows([windowA], written())).toContain("b is missing");
    expect(compareWindows([windowA, windowA, windowB], written())).toContain("twice");
  });
});

describe("the look at a running fleet", () => {
  it("lets windows be behind what was written, never ahead", () => {
    const check = new RunningCheck();
    const behind = { ...windowA, requestCount: 1, levels: { INFO: 1 } };
    expect(check.look([behind], written())).toBeUndefined();
    expect(check.look([windowA], written())).toBeUndefined();
    expect(check.look([{ ...windowA, requestCount: 3 }], written())).toContain("only 2");
    expect(check.look([{ ...windowA, levels: { INFO: 2 } }], written())).toContain("2 INFO");
    expect(check.look([{ ...windowA, service: "x" }], written())).toContain("never written");
  });

  it("finds a revision that goes back, unless the aggregator did", () => {
    const check = new RunningCheck();
    expect(check.look([windowA], written())).toBeUndefined();
    expect(check.look([{ ...windowA, revision: 2 }], written())).toContain("from revision 3 back");
    check.forget();
    expect(check.look([{ ...windowA, revision: 2 }], written())).toBeUndefined();
  });
});

const EPOCHS = ["a".repeat(32), "b".repeat(32)] as const;

/** One agent whose history is two epochs of one batch each, told to a witness. */
class History {
  readonly witness = new EventWitness();
  readonly recount = new Recount();
  ledger: ObservedAgent["ledger"] = [];
  mark = { epoch: "", sequence: 0, digest: DIGEST_NONE };

  async begin(epoch: string): Promise<void> {
    const mark = this.mark.epoch === "" ? undefined : this.mark;
    await this.post("/v1/hello", Buffer.from(JSON.stringify({ agent: "web-1", epoch })), { mark });
    this.mark = { epoch, sequence: 0, digest: DIGEST_NONE };
  }

  async send(changes: Partial<Batch>): Promise<void> {
    const { epoch, sequence, digest } = this.mark;
    const record = sealRecord({
      ...{ agent: "web-1", epoch, sequence: sequence + 1, previousDigest: digest },
      ...{ sealedAtMs: 0, deltas: [], checkpoints: [], sources: [], ledger: [] },
      ...{ tombstone: undefined, events: [], holes: [] },
      selectorRevision: SELECTORS.revision,
      ...changes,
    });
    const envelope = { version: 2, agent: "web-1", epoch, logId: "l", machine: "m" };
    const body = encodeEnvelope({ ...envelope, records: [record], selectorRevision: "" });
    await this.post("/v1/batches", body, {});
    this.mark = { epoch, sequence: sequence + 1, digest: record.digest };
  }

  compare(): string | undefined {
    const { epoch, ...mark } = this.mark;
    const observed = [{ agent: "web-1", epoch, mark, ledger: this.ledger }];
    const agent = { id: "web-1" };
    return compareEvents(observed, [agent], this.recount, this.witness);
  }

  count(kind: LedgerKind, lines: number): void {
    this.ledger.push({ source: "app", kind, reason: "", lines, bytes: 0 });
  }

  private async post(path: string, body: Buffer, answer: unknown): Promise<void> {
    let handle: Parameters<Network["listen"]>[1] | undefined;
    const network: Network = {
      call: () => Promise.reject(new Error("nobody calls")),
      listen: (_, handler) => {
        handle = handler;
        return Promise.resolve({ host: "", port: 0, close: () => Promise.resolve() });
      },
    };
    const options = { host: "", port: 0, bodyBytesMax: 1, requestTimeoutMs: 1 };
    await this.witness
      .watch(network)
      .listen({ ...options, connectionCountMax: 1 }, () =>
        Promise.resolve(jsonAnswer(200, answer)),
      );
    await handle?.({ method: "POST", path, headers: {}, body, remoteAddress: "" });
  }
}

const eventAt = (line: number, offset = line) => ({
  ...{ stream: "application-logs", source: "app", file: 1, generation: 0, offset, index: 0 },
  ...{ timeMs: 5, type: null, fields: { file: "/log", line, level: "ERROR" } },
});

/** Lines 1 to 4 are written; 1 and 2 come, in an epoch each, and 3 and 4 are shed. */
async function history(second: Partial<Batch> = {}): Promise<History> {
  const made = new History();
  for (const line of [1, 2, 3, 4]) made.recount.select("web-1", `/log ${line}`);
  await made.begin(EPOCHS[0]);
  await made.send({ events: [eventAt(1)] });
  await made.begin(EPOCHS[1]);
  const hole = { stream: "application-logs", fromMs: 5, toMs: 5, count: 2 };
  await made.send({ events: [eventAt(2)], holes: [hole], ...second });
  made.count("events_selected", 4);
  made.count("events_sent", 2);
  made.count("events_shed", 2);
  return made;
}

describe("the comparison of events", () => {
  it("finds nothing wrong when each came once or was shed, in whatever epoch", async () => {
    expect((await history()).compare()).toBeUndefined();
  });

  it.each([
    ["an event that came twice", { events: [eventAt(2), eventAt(1)] }, "came twice"],
    ["a line under two names", { events: [eventAt(2), eventAt(1, 77)] }, "came twice"],
    ["one that is missing", { events: [] }, "missing /log 2"],
    ["one that was never written", { events: [eventAt(9)] }, "never written"],
    ["a hole that is missing", { holes: [] }, '"inHoles":0'],
    ["other selectors than it was chosen by", { selectorRevision: "" }, "other selectors"],
  ])("finds %s", async (_, second, message) => {
    expect((await history(second)).compare()).toContain(message);
  });

  it("leaves out what was sent but is no part of the history", async () => {
    const made = await history();
    const { mark } = made;
    await made.send({ events: [eventAt(3)] });
    made.mark = mark;
    expect(made.compare()).toBeUndefined();
  });

  it("does not guess what it never saw", async () => {
    const made = await history();
    made.mark = { ...made.mark, digest: "c".repeat(32) };
    expect(made.compare()).toContain("never sent");
  });
});

describe("the comparison of windows that are kept apart", () => {
  const recount = new Recount();
  const event = { service: "a", timeMs: Date.parse(START), level: "INFO", durationUs: 200_000 };
  recount.addPart(event, "/f", 3);
  recount.addPart({ ...event, durationUs: undefined }, "/f", 4);
  const measures = { numbers: { sum: 7 }, slow: { count: 1 }, files: { distinct: 1 } };
  const part = { service: "a", windowStart: START, requestCount: 2, measures };
  const right = { ...part, dimensions: { level: "INFO", file: "/f" } };

  it("finds nothing wrong with windows that are right", () => {
    expect(compareParts([right], recount)).toBeUndefined();
  });

  it.each([
    ["a line too few", [{ ...right, requestCount: 1 }]],
    ["a wrong sum", [{ ...right, measures: { ...measures, numbers: { sum: 8 } } }]],
    ["no measures", [{ ...right, measures: undefined }]],
    ["another value", [{ ...right, dimensions: { level: "WARN", file: "/f" } }]],
    ["one twice", [right, right]],
    ["none", []],
  ])("finds %s", (_, parts) => {
    expect(compareParts(parts, recount)).toBeDefined();
  });
});
