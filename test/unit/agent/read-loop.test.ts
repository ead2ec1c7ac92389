import { dirname } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { ReadLoop, type ShipView } from "../../../agent/read-loop.ts";
import { FileSource } from "../../../agent/source/file-source.ts";
import { openSpool } from "../../../agent/spool/open-spool.ts";
import type { Spool } from "../../../agent/spool/spool.ts";
import { createSelectingCounter } from "../../../agent/window/create-selecting-counter.ts";
import { EventSelection } from "../../../agent/window/event-selection.ts";
import { present } from "../../../shared/assert.ts";
import type { FileStat } from "../../../shared/platform/disk.ts";
import { simulatedGunzip } from "../../../shared/platform/simulated/simulated-gunzip.ts";
import type { Timers } from "../../../shared/platform/timers.ts";
import type { Batch } from "../../../shared/protocol/batch.ts";
import { decodeBatch } from "../../../shared/protocol/codec.ts";
import { openRecord } from "../../../shared/protocol/sealed-record.ts";
import { REDACTOR_NONE } from "../../../shared/redaction/redactor.ts";
import { MemoryDisk } from "./spool/memory-disk.ts";
import { emptyHeader, spoolOptions } from "./spool/sample-spool.ts";

const LOG = "/var/log/app.log";
const quiet = { error() {}, warn() {}, info() {}, debug() {} };

/** A disk with one log on it that patterns find. */
class LogDisk extends MemoryDisk {
  /** When the folder of the log last changed, and how often it was looked into. */
  folderChangedMs = 0;
  lookCount = 0;
  override async glob(): Promise<string[]> {
    this.lookCount++;
    return this.contents().has(LOG) ? [LOG] : [];
  }
  override async stat(path: string): Promise<FileStat> {
    if (path !== dirname(LOG)) return super.stat(path);
    const folder = { device: "1", inode: "1", birthMs: 0, bytes: 4096 };
    return { ...folder, modifiedMs: this.folderChangedMs, kind: "directory" };
  }
  override async list(path: string): Promise<string[]> {
    return super.list(path);
  }
  async append(text: string): Promise<void> {
    const file = await this.open(LOG, "write");
    await file.write(Buffer.from(text), (await file.stat()).bytes);
    await file.sync();
  }
}

/** Time that passes only while everybody sleeps. */
class VirtualTime implements Timers {
  nowMs = 0;
  /** Called when time passes. */
  onSleep: () => Promise<void> = async () => undefined;
  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    this.nowMs += Math.min(delayMs, 1000);
    await this.onSleep();
  }
}

let disk: LogDisk;
let time: VirtualTime;
let spool: Spool;
let ship: { -readonly [Key in keyof ShipView]: ShipView[Key] };
let sealed: number[];
let selection: EventSelection;

beforeEach(async () => {
  disk = new LogDisk();
  time = new VirtualTime();
  ship = { isFenced: false, hasUnacknowledged: false, hasUnapplied: false };
  sealed = [];
  selection = new EventSelection({ forbid: [], select: [] });
  spool = (await openSpool(spoolOptions(disk))).spool;
  await spool.begin({ ...emptyHeader(), sources: [] });
});

function makeLoop(
  changes: {
    readonly once?: boolean;
    readonly flushIntervalMs?: number;
    readonly pollIntervalMs?: number;
  } = {},
): ReadLoop {
  const clock = { now: () => time.nowMs, monotonic: () => time.nowMs };
  const platform = { clock, disk, gunzip: simulatedGunzip, timers: time };
  const { once = false, flushIntervalMs = 2000, pollIntervalMs = 500 } = changes;
  const state = present(spool.state, "state");
  const source = new FileSource({
    name: "app",
    settings: {
      paths: [LOG],
      exclude: [],
      service: "app",
      lineBytesMax: 1000,
      rotateWaitMs: 0,
      eventWaitMs: 1000,
      idleAfterMs: 30_000,
      handleCountMax: 8,
    },
    platform,
    counter: createSelectingCounter({
      ...{ format: "json", fields: {}, durationUnit: "ms", timezone: "UTC" },
      ...{ source: "app", selection, redactor: REDACTOR_NONE },
    }),
    checkpoints: state.checkpoints(),
    ledger: state.ledger(),
    allocateFile: () => state.allocateFile(),
    startAt: "beginning",
    maxFutureMs: 0,
    once,
    logger: quiet,
  });
  return new ReadLoop({
    platform,
    sources: [source],
    spool,
    ship,
    selection,
    flushIntervalMs,
    pollIntervalMs,
    once,
    logger: quiet,
    onSealed: (sequence) => void sealed.push(sequence),
    onDamaged: () => undefined,
  });
}

/** Runs until so much virtual time has passed, calling `at` whenever it does. */
async function runFor(
  limitMs: number,
  loop: ReadLoop,
  at: (nowMs: number) => Promise<void> | void = () => undefined,
) {
  time.onSleep = async () => {
    await at(time.nowMs);
    if (time.nowMs >= limitMs) loop.stop();
  };
  await loop.run();
}

async function batches(): Promise<Batch[]> {
  const records = spool.lastSequence === 0 ? [] : await spool.read(1, 1e9);
  return records.map((record) => decodeBatch(openRecord(record, 1e7)));
}
const lines = (count: number, service = "s") =>
  `{"time":"2026-11-20T10:00:00Z","service":"${service}"}\n`.repeat(count);
const line = (service: number, minute: number) =>
  `{"time":"2026-11-20T10:${String(minute).padStart(2, "0")}:00Z","service":"service-${service}"}\n`;
const countOf = (all: readonly Batch[]) =>
  all
    .flatMap((batch) => batch.deltas)
    .reduce((sum, delta) => sum + delta.aggregate.requestCount, 0);

describe("the read loop", () => {
  it("SPL-06 seals what it read at every flush, and nothing when there is nothing", async () => {
    await disk.append(lines(3));
    ship.hasUnacknowledged = true;
    await runFor(30_000, makeLoop(), async (nowMs) => {
      if (nowMs === 10_000) await disk.append(lines(2));
    });
    const all = await batches();
    expect(all.map((batch) => countOf([batch]))).toEqual([3, 2]);
    expect(all[0]?.sealedAtMs).toBeLessThanOrEqual(3000);
    expect(sealed).toEqual([1, 2]);
  });

  it("looks at files once a poll, and at once when one came, went or was renamed", async () => {
    const looks: number[] = [];
    const loop = makeLoop({ pollIntervalMs: 10_000, flushIntervalMs: 600_000 });
    await runFor(30_000, loop, (nowMs) => {
      while (looks.length < disk.lookCount) looks.push(nowMs);
      if (nowMs >= 14_000) disk.folderChangedMs = 14_000;
    });
    // The loop waits a tenth of a second after each look. The second look is for a change within the same tick.
    expect(looks.map((ms) => ms - 100)).toEqual([0, 10_000, 14_000, 14_100, 24_100]);
  });

  it("looks right before a seal, so that it holds what was written by then", async () => {
    const loop = makeLoop({ pollIntervalMs: 60_000, flushIntervalMs: 5000 });
    await runFor(12_000, loop, async (nowMs) => {
      if (nowMs === 4900) await disk.append(lines(7));
    });
    const all = (await batches()).filter(({ deltas }) => deltas.length > 0);
    expect(all.map((batch) => [batch.sealedAtMs, countOf([batch])])).toEqual([[5000, 7]]);
  });

  it("seals a heartbeat every ten seconds, only while nothing is unacknowledged", async () => {
    const loop = makeLoop();
    await runFor(61_000, loop, (nowMs) => {
      ship.hasUnacknowledged = nowMs > 31_000;
    });
    const all = await batches();
    expect(all.map((batch) => Math.round(batch.sealedAtMs / 10_000))).toEqual([1, 2, 3]);
    expect(all[0]).toMatchObject({ deltas: [], checkpoints: [], sources: [{ source: "app" }] });
  });

  it("asks every second while something is accepted but not applied", async () => {
    ship.hasUnapplied = true;
    await runFor(5000, makeLoop());
    expect((await batches()).length).toBeGreaterThanOrEqual(4);
  });

  it("seals before its time when a batch is full", async () => {
    const many = Array.from({ length: 27_000 }, (_, at) =>
      line(at % 9000, Math.floor(at / 9000)),
    ).join("");
    await disk.append(many);
    spool = (await openSpool({ ...spoolOptions(new MemoryDisk()), bytesMax: 1e9 })).spool;
    await spool.begin({ ...emptyHeader(), sources: [] });
    await runFor(1000, makeLoop({ flushIntervalMs: 600_000 }));
    const all = await batches();
    expect(countOf(all)).toBe(27_000);
    expect(all[0]?.sealedAtMs).toBe(0);
  });

  it("counts on while the disk fails, keeps one sealed batch, and seals all when it works again", async () => {
    await disk.append(lines(3));
    ship.hasUnacknowledged = true;
    disk.fault = (operation, path) =>
      operation === "sync" && path.includes("spool") && time.nowMs > 0 && time.nowMs < 15_000
        ? "EIO"
        : undefined;
    await runFor(30_000, makeLoop(), async (nowMs) => {
      if (nowMs === 5000) await disk.append(lines(4));
    });
    expect((await batches()).map((batch) => countOf([batch]))).toEqual([3, 4]);
  });

  it("reads no more than a batch ahead while the spool is full, and goes on when it is not", async () => {
    const small = (await openSpool({ ...spoolOptions(new MemoryDisk()), bytesMax: 100 })).spool;
    spool = small;
    await small.begin({ ...emptyHeader(), sources: [] });
    expect(small.isFull).toBe(true);
    const many = Array.from({ length: 120_000 }, (_, at) => line(at % 9000, at % 60)).join("");
    await disk.append(many);
    const loop = makeLoop();
    await runFor(20_000, loop);
    expect(loop.readBytes).toBeLessThan(many.length);
    expect(small.lastSequence).toBe(0);
  });

  it("lets a selected event wait no longer than a second for a seal", async () => {
    await disk.append(lines(3));
    selection = new EventSelection({
      forbid: [],
      select: [{ stream: "application-logs", keys: [], where: ["user == 'u1'"], fields: ["user"] }],
    });
    await runFor(10_000, makeLoop({ flushIntervalMs: 600_000 }), async (nowMs) => {
      if (nowMs === 3000) await disk.append(`{"time":"2026-11-20T10:00:00Z","user":"u1"}\n`);
    });
    const [first] = (await batches()).filter(({ events }) => events.length > 0);
    expect(first?.events.map(({ fields }) => fields)).toEqual([{ user: "u1" }]);
    expect(first?.sealedAtMs).toBeLessThanOrEqual(5000);
  });

  it("switches to other selectors at a seal: each batch names those that chose its events", async () => {
    const selector = { stream: "application-logs", keys: [], where: [], fields: ["service"] };
    await disk.append(lines(2, "a"));
    await runFor(30_000, makeLoop({ flushIntervalMs: 5000 }), async (nowMs) => {
      // Read already, but not yet sealed.
      if (nowMs === 500) selection.offer({ revision: "0bad", selectors: [selector] });
      if (nowMs === 8000) await disk.append(lines(3, "b"));
      if (nowMs === 20_000) selection.offer({ revision: "", selectors: [] });
      if (nowMs === 22_000) await disk.append(lines(1, "c"));
    });
    const all = (await batches()).filter(({ deltas }) => deltas.length > 0);
    expect(
      all.map(({ deltas, events, selectorRevision }) => [
        deltas.map(({ service }) => service).join(),
        events.length,
        selectorRevision,
      ]),
    ).toEqual([
      ["a", 0, ""],
      ["b", 3, "0bad"],
      ["c", 0, ""],
    ]);
  });

  it("SPL-04 sheds events, never counts, while little of the spool is left, and says where they are missing", async () => {
    const where = ["service == 'b'"];
    selection = new EventSelection({
      forbid: [],
      select: [{ stream: "application-logs", keys: [], where, fields: [] }],
    });
    await disk.append(lines(2, "b"));
    const target = new MemoryDisk();
    spool = (await openSpool({ ...spoolOptions(target), bytesMax: 1e9 })).spool;
    await spool.begin({ ...emptyHeader(), sources: [] });
    await runFor(5000, makeLoop());
    const bytesMax = Math.ceil(spool.bytes / 0.86);
    await spool.close();
    spool = (await openSpool({ ...spoolOptions(target), bytesMax })).spool;
    await disk.append(lines(3, "b"));
    await runFor(10_000, makeLoop());
    const all = (await batches()).filter(({ deltas }) => deltas.length > 0);
    expect(all.map((batch) => [countOf([batch]), batch.events.length])).toEqual([
      [2, 2],
      [3, 0],
    ]);
    const timeMs = Date.parse("2026-11-20T10:00:00Z");
    expect(all[1]?.holes).toEqual([
      { stream: "application-logs", fromMs: timeMs, toMs: timeMs, count: 3 },
    ]);
    const counts = all[1]?.ledger.map(({ kind, reason, lines: count }) => [kind, reason, count]);
    expect(counts).toEqual(
      expect.arrayContaining([
        ["events_selected", "", 5],
        ["events_sent", "", 2],
        ["events_shed", "spool_full", 3],
      ]),
    );
  });

  it("does nothing more when it is fenced, not even at its end", async () => {
    await disk.append(lines(3));
    ship.isFenced = true;
    const loop = makeLoop();
    await runFor(5000, loop);
    expect({ bytes: loop.readBytes, batches: await batches() }).toEqual({ bytes: 0, batches: [] });
  });

  it("seals what is pending when it is stopped", async () => {
    await disk.append(lines(3));
    await runFor(100, makeLoop({ flushIntervalMs: 600_000 }));
    expect(countOf(await batches())).toBe(3);
  });

  it("with `once` has ended when all is read and that is sealed, with the state `ended`", async () => {
    await disk.append(`${lines(3)}{"time":"2026-11-20T10:00:00Z"}`);
    const loop = makeLoop({ once: true, flushIntervalMs: 600_000 });
    ship.hasUnacknowledged = true;
    await runFor(60_000, loop, () => {
      if (loop.hasEnded) loop.stop();
    });
    expect(loop.hasEnded).toBe(true);
    const all = await batches();
    expect(countOf(all)).toBe(4);
    expect(all.at(-1)?.sources[0]?.state).toBe("ended");
  });

  it("with `once` seals nothing while a file that it knows cannot be read, so that who waits for progress gives up", async () => {
    await disk.append(lines(3));
    const first = makeLoop();
    await runFor(5_000, first);
    const count = (await batches()).length;
    const open = disk.open.bind(disk);
    const denied = Object.assign(new Error("denied"), { code: "EACCES" });
    disk.open = (path, mode) =>
      path === LOG && mode === "read" ? Promise.reject(denied) : open(path, mode);
    await disk.append(lines(3));
    const loop = makeLoop({ once: true });
    await runFor(60_000, loop);
    expect(loop.hasEnded).toBe(false);
    expect((await batches()).length - count).toBeLessThan(2);
  });

  it("stores where a new source begins before it reads a byte of it", async () => {
    await disk.append(lines(2));
    const loop = makeLoop();
    disk.fault = (operation, path) =>
      operation === "write" && path.includes("spool") && time.nowMs < 5000 ? "ENOSPC" : undefined;
    await runFor(20_000, loop, (nowMs) => {
      if (nowMs < 5000) expect(loop.readBytes).toBe(0);
    });
    expect(spool.state?.hasSource("app")).toBe(true);
    expect(countOf(await batches())).toBe(2);
  });
});
