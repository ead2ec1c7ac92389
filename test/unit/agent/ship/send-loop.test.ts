import { beforeEach, describe, expect, it } from "vitest";
import { SendLoop, type ShipHost } from "../../../../agent/ship/send-loop.ts";
import { Shipper } from "../../../../agent/ship/ship.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import type { Timers } from "../../../../shared/platform/timers.ts";
import {
  DIGEST_NONE,
  ENVELOPE_VERSION,
  type SealedRecord,
} from "../../../../shared/protocol/batch.ts";
import { decodeEnvelope } from "../../../../shared/protocol/envelope.ts";
import { jsonAnswer } from "../../../../shared/protocol/http-answer.ts";
import { sealRecord } from "../../../../shared/protocol/sealed-record.ts";
import type { Selectors } from "../../../../shared/protocol/selected-event.ts";
import { EMPTY_BATCH } from "../../shared/protocol/sample-batch.ts";
import { ScriptedReceiver } from "../scripted-receiver.ts";
import { EPOCH } from "../spool/sample-spool.ts";

/** Time that passes only by sleeping. */
class VirtualTime implements Timers {
  nowMs = 0;
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal?.addEventListener("abort", () => resolve());
    if (delayMs < 3_600_000) {
      queueMicrotask(() => {
        this.nowMs += delayMs;
        resolve();
      });
    }
    return promise;
  }
}

const failed = () => new TailraceError("DISK_FAILED", "scripted");
const corrupt = () => new TailraceError("SPOOL_CORRUPT", "scripted");

/** A spool in memory, and a diary of what the loop asked for. */
class Host implements ShipHost {
  readonly diary: string[] = [];
  readonly records: SealedRecord[] = [];
  /** What the next calls fail with, by name. */
  readonly failures = new Map<string, TailraceError[]>();
  epochCount = 0;
  logId = "log-1";
  epoch = EPOCH;
  selectorRevision = "";

  seal(): void {
    const { epoch } = this;
    const previousDigest = this.records.at(-1)?.digest ?? DIGEST_NONE;
    const sequence = this.records.length + 1;
    const batch = {
      ...EMPTY_BATCH,
      epoch,
      sequence,
      previousDigest,
      sealedAtMs: sequence,
    };
    this.records.push(sealRecord(batch));
  }

  #enter(name: string, entry: string): void {
    this.diary.push(entry);
    const failure = this.failures.get(name)?.shift();
    if (failure !== undefined) throw failure;
  }

  position() {
    return { epoch: this.epoch, logId: this.logId };
  }
  async read(sequence: number) {
    this.#enter("read", `read ${sequence}`);
    return this.records.slice(sequence - 1);
  }
  async drawEpoch(isFresh: boolean) {
    this.#enter("drawEpoch", `draw${isFresh ? " fresh" : ""}`);
    return String(this.epochCount).padStart(32, "0");
  }
  async recover(epoch: string) {
    this.#enter("recover", "recover");
    this.epochCount++;
    this.epoch = epoch;
    this.records.length = 0;
    this.seal();
    return { epoch, logId: this.logId, firstSequence: 1, lastSequence: 1 };
  }
  async release(applied: number) {
    this.#enter("release", `release ${applied}`);
  }
  async condemn(sequence: number) {
    this.#enter("condemn", `condemn ${sequence}`);
  }
  async takeSelectors({ revision }: Selectors) {
    this.#enter("takeSelectors", `select ${revision}`);
    this.selectorRevision = revision;
  }
  damaged() {
    this.diary.push("damaged");
    shipper.sayHelloAgain();
  }
}

let host: Host;
let receiver: ScriptedReceiver;
let shipper: Shipper;
let time: VirtualTime;
let stop: AbortController;
let errors: string[];
let loop: SendLoop;

beforeEach(() => {
  host = new Host();
  receiver = new ScriptedReceiver();
  shipper = new Shipper({ endpoints: ["http://receiver/"], requestBytesMax: 1e6, random: () => 1 });
  time = new VirtualTime();
  stop = new AbortController();
  errors = [];
});

/** Starts the loop; ends when `stop` aborts. */
function start(): Promise<void> {
  const error = (message: string) => void errors.push(message);
  const quiet = { error, warn() {}, info() {}, debug() {} };
  const clock = { now: () => time.nowMs, monotonic: () => time.nowMs };
  loop = new SendLoop({
    platform: { clock, timers: time, network: receiver },
    agent: "web-1",
    machine: "m",
    takeover: false,
    timeoutMs: 1000,
    credentials: { show: (call) => Promise.resolve(call) },
    shipper,
    host,
    logger: quiet,
    signal: stop.signal,
  });
  return loop.run();
}

/** Runs the loop until `isDone`, then ends it. */
async function run(isDone: () => boolean): Promise<void> {
  const running = start();
  for (let step = 0; step < 5000 && !isDone(); step++) await Promise.resolve();
  expect(isDone()).toBe(true);
  stop.abort();
  await running;
}

describe("the send loop", () => {
  it("says hello, recovers, sends and releases, in this order", async () => {
    shipper.sayHello(undefined);
    await run(() => host.diary.includes("release 1"));
    expect(host.diary).toEqual(["draw", "recover", "read 1", "release 1"]);
    expect(receiver.hellos).toEqual([
      {
        ...{ agent: "web-1", machine: "m", epoch: "0".repeat(32), takeover: false },
        version: ENVELOPE_VERSION,
        selectorRevision: "",
      },
    ]);
  });

  it("takes the selectors of a hello before anything is read, and tells their revision from then on", async () => {
    receiver.selectors = { revision: "0bad", selectors: [] };
    shipper.sayHello(undefined);
    await run(() => host.diary.includes("release 1"));
    expect(host.diary).toEqual(["draw", "select 0bad", "recover", "read 1", "release 1"]);
    expect(receiver.revisions).toEqual(["", "0bad"]);
  });

  it("takes the selectors of an answer, and asks again for what the disk refused", async () => {
    host.seal();
    host.failures.set("takeSelectors", [failed()]);
    receiver.state = { ...receiver.state, epoch: EPOCH };
    receiver.selectors = { revision: "0bad", selectors: [] };
    shipper.begin({ epoch: "e1", logId: "log-1", firstSequence: 1, lastSequence: 1 });
    const running = start();
    for (let step = 0; step < 200; step++) await Promise.resolve();
    expect(host.diary.filter((entry) => entry === "select 0bad")).toHaveLength(1);
    expect(host.selectorRevision).toBe("");
    host.seal();
    shipper.sealed(2);
    loop.wake();
    for (let step = 0; step < 200; step++) await Promise.resolve();
    expect(host.selectorRevision).toBe("0bad");
    stop.abort();
    await running;
  });

  it("goes on with the old selectors when it cannot use the new ones, and says so once", async () => {
    host.seal();
    receiver.script = ({ body = Buffer.alloc(0) }) => {
      const accepted = decodeEnvelope(body).records.at(-1);
      return jsonAnswer(200, {
        ...{ accepted: accepted?.sequence, applied: accepted?.sequence },
        ...{ appliedDigest: accepted?.digest, outcomes: [], throttleMs: 0, logId: "log-1" },
        selectors: { revision: "1", selectors: [], color: "red" },
      });
    };
    shipper.begin({ epoch: "e1", logId: "log-1", firstSequence: 1, lastSequence: 1 });
    await run(() => host.diary.includes("release 1"));
    expect(host.diary.some((entry) => entry.startsWith("select"))).toBe(false);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain("cannot be used");
  });

  it("asks again for what the disk refused, and says hello again after a recovery that failed", async () => {
    shipper.sayHello(undefined);
    host.failures.set("drawEpoch", [failed()]);
    host.failures.set("recover", [failed()]);
    host.failures.set("read", [failed()]);
    await run(() => host.diary.includes("release 1"));
    expect(host.diary).toEqual([
      "draw",
      "draw",
      "recover",
      "draw",
      "recover",
      "read 1",
      "read 1",
      "release 1",
    ]);
    expect(time.nowMs).toBe(3000);
  });

  it("goes on sending while nothing can be deleted, and deletes later", async () => {
    shipper.sayHello(undefined);
    host.failures.set("release", [failed(), failed()]);
    let sealed = 1;
    receiver.losesAnswer = () => {
      if (sealed < 4 && receiver.state.sequence === sealed) {
        host.seal();
        shipper.sealed(++sealed);
      }
      return false;
    };
    await run(() => host.diary.includes("release 4"));
    expect(receiver.state.sequence).toBe(4);
    expect(host.diary.filter((entry) => entry.startsWith("release")).length).toBeLessThanOrEqual(4);
  });

  it("reports a spool that was found damaged, and recovers", async () => {
    shipper.sayHello(undefined);
    host.failures.set("read", [corrupt()]);
    await run(() => host.diary.includes("release 1"));
    expect(host.diary).toEqual([
      "draw",
      "recover",
      "read 1",
      "damaged",
      "draw",
      "recover",
      "read 1",
      "release 1",
    ]);
  });

  it("ends at once when it is told to, also in the middle of a request", async () => {
    shipper.sayHello(undefined);
    receiver.script = () => {
      stop.abort();
      return "cut";
    };
    await run(() => stop.signal.aborted);
    expect(host.diary).toEqual(["draw"]);
  });

  it("rejects for a fault of the program, and for nothing else", async () => {
    shipper.sayHello(undefined);
    receiver.script = () => {
      throw new Error("a fault");
    };
    await expect(start()).rejects.toThrow("a fault");
  });
});
