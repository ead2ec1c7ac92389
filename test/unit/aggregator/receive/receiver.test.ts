import { beforeEach, describe, expect, it } from "vitest";
import type {
  Appended,
  Fence,
  FenceVerdict,
  Intake,
  Verdict,
} from "../../../../aggregator/receive/intake.ts";
import { Receiver } from "../../../../aggregator/receive/receiver.ts";
import { type ErrorCode, TailraceError } from "../../../../shared/errors.ts";
import type { Logger } from "../../../../shared/log.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";
import { encodeEnvelope } from "../../../../shared/protocol/envelope.ts";
import { LOCAL_OPERATOR, type Principal } from "../../../../shared/protocol/principal.ts";
import { EPOCH, sampleChain, sampleEnvelope } from "./sample-batches.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const mark = { epoch: EPOCH, sequence: 1, digest: "aa".repeat(16) };
const snapshot = { known: false, mark: undefined, checkpoints: [], ledger: [] };

/** A log and a stage 1 that do what a test says. */
class Scripted implements Intake {
  readonly logId = "log-a";
  readonly fences: Fence[] = [];
  envelopeCount = 0;
  owned = true;
  appendFailure: ErrorCode | undefined;
  verdict: Verdict | undefined = { mark, outcomes: [{ sequence: 1, outcome: "applied" }] };
  fenceVerdicts: (FenceVerdict["verdict"] | undefined)[] = ["taken"];

  isOwner(): boolean {
    return this.owned;
  }

  nowMs(): number {
    return 0;
  }

  standing(): undefined {
    return undefined;
  }

  async appendEnvelope(): Promise<Appended<Verdict>> {
    this.#mayFail();
    this.envelopeCount++;
    return { word: (signal) => wordOrNever(this.verdict, signal) };
  }

  async appendFence(_name: unknown, fence: Fence): Promise<Appended<FenceVerdict>> {
    this.#mayFail();
    this.fences.push(fence);
    const verdict = this.fenceVerdicts.shift();
    const word = verdict === undefined ? undefined : { verdict, snapshot };
    return { word: (signal) => wordOrNever(word, signal) };
  }

  #mayFail(): void {
    if (this.appendFailure !== undefined) throw new TailraceError(this.appendFailure, "as told");
  }
}

/** The word, or none until the signal aborts. */
function wordOrNever<T>(word: T | undefined, signal: AbortSignal): Promise<T | undefined> {
  if (word !== undefined || signal.aborted) return Promise.resolve(word);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

let simulation: Simulation;
let intake: Scripted;
let receiver: Receiver;
let refusals: string[];

beforeEach(() => {
  simulation = new Simulation(1);
  const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
  intake = new Scripted();
  refusals = [];
  receiver = new Receiver({
    intake,
    limits: {
      recordCountMax: 10,
      recordBytesMax: 100_000,
      requestRawBytesMax: 100_000,
      inFlightBytesMax: 1_000,
      agentRequestCountMax: 1,
    },
    selectors: () => ({ revision: "", selectors: [] }),
    timers: host.start("aggregator").platform.timers,
    logger: quiet,
    observer: { refused: (code) => refusals.push(code), accepted() {}, recorded() {} },
  });
});

const body = encodeEnvelope(sampleEnvelope(sampleChain(1)));

function requestOf(content: Buffer, contentType: string) {
  const headers = { "content-type": contentType };
  return { method: "POST", path: "/", headers, body: content, remoteAddress: "" };
}

async function answered(response: ReturnType<Receiver["batches"]>) {
  await simulation.run();
  const { status, headers, body: bytes } = await response;
  const value: unknown = JSON.parse(bytes.toString());
  return { status, headers, value };
}

const sendBatches = (principal: Principal = LOCAL_OPERATOR) =>
  receiver.batches(requestOf(body, "application/x-protobuf; charset=binary"), principal);

function sayHello() {
  const hello = { agent: "web-1", machine: "m", epoch: EPOCH, takeover: false, version: 2 };
  const content = Buffer.from(JSON.stringify(hello));
  return receiver.hello(requestOf(content, "application/json"), LOCAL_OPERATOR);
}

describe("receiving batches", () => {
  it("answers what stage 1 made of them", async () => {
    expect(await answered(sendBatches())).toMatchObject({
      status: 200,
      value: { accepted: 1, applied: 1, logId: "log-a" },
    });
    expect(receiver.inFlightBytes).toBe(0);
  });

  it("answers that they are durable when stage 1 is silent for too long", async () => {
    intake.verdict = undefined;
    expect(await answered(sendBatches())).toMatchObject({
      status: 200,
      value: { accepted: 1, applied: 0, outcomes: [], throttleMs: 1_000 },
    });
  });

  it("answers with what is known by then when it stops", async () => {
    intake.verdict = undefined;
    const sending = sendBatches();
    const draining = receiver.drain(1_000);
    expect(await answered(sending)).toMatchObject({ status: 200, value: { applied: 0 } });
    await draining;
    expect(simulation.timeMs).toBe(1_000);
  });

  it.each([
    ["LOG_FULL", "log_full", "10"],
    ["LOG_UNAVAILABLE", "log_unavailable", "1"],
    ["LOG_UNKNOWN", "log_unavailable", "1"],
  ] as const)("asks to send again later on %s", async (failure, code, seconds) => {
    intake.appendFailure = failure;
    expect(await answered(sendBatches())).toMatchObject({
      status: 503,
      headers: { "retry-after": seconds },
      value: { code },
    });
    expect(refusals).toEqual([code]);
  });

  it("takes one request of an agent at a time, and no more bytes than it has room for", async () => {
    intake.verdict = undefined;
    const first = sendBatches();
    expect(await answered(sendBatches())).toMatchObject({ status: 429 });
    expect(await answered(first)).toMatchObject({ status: 200 });
    const second = sendBatches();
    const large = receiver.batches(
      requestOf(Buffer.alloc(1_000), "application/x-protobuf"),
      LOCAL_OPERATOR,
    );
    expect((await answered(large)).status).toBe(503);
    expect((await answered(second)).status).toBe(200);
    expect(receiver.inFlightBytes).toBe(0);
  });

  it("appends nothing where the agent's partition is not owned", async () => {
    intake.owned = false;
    expect(await answered(sendBatches())).toMatchObject({
      status: 503,
      value: { code: "not_owner" },
    });
    expect(intake.envelopeCount).toBe(0);
  });

  it("lets a caller speak for its own agent only", async () => {
    const other = { ...LOCAL_OPERATOR, agents: ["web-2"] };
    expect(await answered(sendBatches(other))).toMatchObject({
      status: 403,
      value: { code: "forbidden" },
    });
    expect((await answered(sendBatches({ ...other, agents: ["web-1"] }))).status).toBe(200);
    expect(intake.envelopeCount).toBe(1);
  });

  it("appends nothing of a compressed or differently typed body", async () => {
    const request = requestOf(body, "application/x-protobuf");
    const headers = { ...request.headers, "content-encoding": "gzip" };
    const answer = answered(receiver.batches({ ...request, headers }, LOCAL_OPERATOR));
    expect((await answer).status).toBe(415);
    expect(intake.envelopeCount).toBe(0);
  });
});

describe("receiving a hello", () => {
  it("tries again when another hello came first", async () => {
    intake.fenceVerdicts = ["lost", "lost", "taken"];
    expect(await answered(sayHello())).toMatchObject({ status: 200, value: { known: false } });
    expect(intake.fences).toHaveLength(3);
  });

  it("gives up for now when it never wins, or hears nothing in time", async () => {
    intake.fenceVerdicts = ["lost", "lost", "lost", "lost", "lost", "taken"];
    expect((await answered(sayHello())).status).toBe(503);
    intake.fenceVerdicts = [undefined];
    expect((await answered(sayHello())).status).toBe(503);
  });

  it("asks to say it again when the log may or may not have the fence", async () => {
    intake.appendFailure = "LOG_UNKNOWN";
    expect((await answered(sayHello())).status).toBe(503);
  });
});
