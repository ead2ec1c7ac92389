/** What every log must do, held against each that there is. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLocalLog } from "../../../../aggregator/log/local-log.ts";
import type { Commit, Log, LogRecord, Owner } from "../../../../aggregator/log/log.ts";
import { SimulatedLog } from "../../../../aggregator/log/simulated-log.ts";
import { openSqliteStore } from "../../../../aggregator/state/sqlite-store.ts";
import { textLogger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";

/** Where a log lives while processes come and go. `start` is a process that opens it; stopping it closes it. */
interface LogHome {
  start(): Promise<{ readonly log: Log; stop(): Promise<void> }>;
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function localHome(): LogHome {
  return {
    start: async () => {
      const store = await openSqliteStore(realPlatform.disk, join(directory, "state.db"));
      const log = await openLocalLog(realPlatform, {
        directory: join(directory, "log"),
        store,
        logger: textLogger(() => undefined, Date.now, "error"),
        bytesMax: 1_000_000,
        segmentBytesMax: 1_000,
        recentBytesMax: 2_000,
      });
      const stop = async () => {
        await log.close();
        await store.close();
      };
      return { log, stop };
    },
  };
}

function simulatedHome(): LogHome {
  const simulated = new SimulatedLog({
    partitionCounts: { batches: 4, keyed: 4 },
    world: realPlatform,
    faults: { latencyMsMax: 1, gap: 0.5, clockErrorMsMax: 100 },
  });
  return {
    start: async () => {
      const log = simulated.client(realPlatform);
      return { log, stop: () => log.close() };
    },
  };
}

const bytes = (text: string) => Buffer.from(text);
const noSignal = new AbortController().signal;
const ignore = () => undefined;

function commitOf(position: number, state: Readonly<Record<string, string | undefined>>): Commit {
  return {
    positions: [{ topic: "batches", position }],
    changes: Object.entries(state).map(([key, value]) => ({
      key,
      value: value === undefined ? undefined : bytes(value),
    })),
    records: [],
  };
}

async function readAll(owner: Owner, from: number, count: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let next = from;
  while (records.length < count) {
    const more = await owner.read("batches", next, 500, noSignal);
    expect(more.length).toBeGreaterThan(0);
    records.push(...more);
    next = (records.at(-1)?.position ?? 0) + 1;
  }
  return records;
}

const texts = (records: readonly LogRecord[]) => records.map((record) => String(record.payload));

describe.each([
  { name: "the embedded log", home: localHome },
  { name: "the simulated log", home: simulatedHome },
])("$name keeps the contract of a log:", ({ home }) => {
  let place: LogHome;
  let running: Awaited<ReturnType<LogHome["start"]>>;
  beforeEach(async () => {
    place = home();
    running = await place.start();
  });
  afterEach(() => running.stop());

  const append = (text: string, sync = true) =>
    running.log.append("batches", 0, bytes(text), { sync });
  const own = (onLost: () => void = ignore) => running.log.own("group", 0, onLost);
  async function restart(): Promise<void> {
    await running.stop();
    running = await place.start();
  }

  it("has an id that stays", async () => {
    const { logId } = running.log;
    expect(logId).toMatch(/^[0-9a-f]{32}$/);
    await append("a");
    await restart();
    expect(running.log.logId).toBe(logId);
    expect(running.log.partitionCount("batches")).toBeGreaterThan(0);
  });

  it("gives back what was appended, in the order of the calls that were awaited", async () => {
    const positions: number[] = [];
    const expected = Array.from(
      { length: 60 },
      (_, index) => `record ${index} ${"x".repeat(index)}`,
    );
    for (const text of expected) positions.push(await append(text));
    const records = await readAll(await own(), 0, expected.length);
    expect(texts(records)).toEqual(expected);
    expect(records.map((record) => record.position)).toEqual(positions);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(new Set(positions).size).toBe(positions.length);
  });

  it("holds each of many appends that overlap, once", async () => {
    const expected = Array.from({ length: 200 }, (_, index) => `record ${index}`);
    const positions = await Promise.all(expected.map((text, index) => append(text, index % 3 > 0)));
    const records = await readAll(await own(), 0, expected.length);
    const found = new Map(records.map((record) => [record.position, String(record.payload)]));
    expect(records).toHaveLength(expected.length);
    expect(positions.map((position) => found.get(position))).toEqual(expected);
  });

  it("keeps the bytes of a record though the caller goes on using its buffer", async () => {
    const payload = bytes("before");
    await running.log.append("batches", 0, payload);
    payload.write("after.");
    expect(texts(await readAll(await own(), 0, 1))).toEqual(["before"]);
  });

  it("takes empty records and large ones", async () => {
    const large = Buffer.alloc(100_000, "large");
    await running.log.append("batches", 0, Buffer.alloc(0));
    await running.log.append("batches", 0, large);
    await append("small");
    const records = await readAll(await own(), 0, 3);
    expect(records.map((record) => record.payload)).toEqual([
      Buffer.alloc(0),
      large,
      bytes("small"),
    ]);
  });

  it("stamps each record with the time", async () => {
    const beforeMs = Date.now() - 1_000;
    await append("a");
    const [record] = await readAll(await own(), 0, 1);
    expect(record?.appendedAtMs).toBeGreaterThanOrEqual(beforeMs);
    expect(record?.appendedAtMs).toBeLessThanOrEqual(Date.now());
    expect(Number.isInteger(record?.appendedAtMs)).toBe(true);
  });

  it("reads at most about as much as asked for, but always something", async () => {
    for (let index = 0; index < 10; index++) await append("y".repeat(100));
    const owner = await own();
    const few = await owner.read("batches", 0, 250, noSignal);
    expect(few.length).toBeGreaterThanOrEqual(1);
    expect(few.length).toBeLessThanOrEqual(3);
    expect(await owner.read("batches", 0, 1, noSignal)).toHaveLength(1);
  });

  it("shows the same bytes at the same position, however often and after a restart", async () => {
    for (let index = 0; index < 50; index++) await append(`record ${index}`);
    const first = await readAll(await own(), 0, 50);
    expect(await readAll(await own(), 0, 50)).toEqual(first);
    await restart();
    await append("one more");
    expect((await readAll(await own(), 0, 51)).slice(0, 50)).toEqual(first);
    expect(texts(await readAll(await own(), (first[29]?.position ?? 0) + 1, 21)).at(-1)).toBe(
      "one more",
    );
  });

  it("lets a reader wait for a record", async () => {
    const owner = await own();
    const reading = owner.read("batches", 0, 1_000, noSignal);
    await append("a");
    expect(texts(await reading)).toEqual(["a"]);
  });

  it("ends a wait with nothing when it is aborted", async () => {
    const owner = await own();
    const abort = new AbortController();
    const reading = owner.read("batches", 0, 1_000, abort.signal);
    abort.abort();
    expect(await reading).toEqual([]);
    expect(await owner.read("batches", 0, 1_000, abort.signal)).toEqual([]);
  });

  it("begins with no position and no state", async () => {
    const owner = await own();
    expect(owner.position("batches")).toBe(0);
    expect([...owner.state.range("", "~")]).toEqual([]);
  });

  it("commits state and position together, and both are there after a restart", async () => {
    await append("a");
    const owner = await own();
    await owner.commit(commitOf(7, { one: "1", two: "2" }));
    await owner.commit(commitOf(9, { one: undefined, three: "3" }));
    const check = (seen: Owner) => {
      expect(seen.position("batches")).toBe(9);
      const rows = [...seen.state.range("", "~")].map(([key, value]) => `${key}=${value}`);
      expect(rows).toEqual(["three=3", "two=2"]);
      expect([...seen.state.range("", "~", { reverse: true, limit: 1 })]).toEqual([
        ["two", bytes("2")],
      ]);
      expect(seen.state.get("one")).toBeUndefined();
    };
    check(owner);
    await restart();
    check(await own());
  });

  it("shows nothing of a commit that is open", async () => {
    const owner = await own();
    await owner.commit(commitOf(1, { key: "old" }));
    const committing = owner.commit(commitOf(2, { key: "new" }));
    expect(owner.position("batches")).toBe(1);
    await committing;
    expect(owner.position("batches")).toBe(2);
    expect(owner.state.get("key")).toEqual(bytes("new"));
  });

  it("refuses a second open commit, unprintable keys, the log's own keys and positions that go back", async () => {
    const owner = await own();
    await owner.commit(commitOf(5, {}));
    for (const bad of [commitOf(4, {}), commitOf(5, { ü: "" }), commitOf(5, { "#x": "" })]) {
      await expect(owner.commit(bad)).rejects.toThrow();
    }
    const first = owner.commit(commitOf(6, {}));
    await expect(owner.commit(commitOf(7, {}))).rejects.toThrow("one open commit");
    await first;
    expect(owner.position("batches")).toBe(6);
  });

  it("refuses commits beyond its limits", async () => {
    const owner = await own();
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, key) => [`k${key}`, ""]));
    await expect(owner.commit(commitOf(1, many))).rejects.toThrow("10,000 keys");
    const large = { key: "x".repeat(4 * 1024 * 1024) };
    await expect(owner.commit(commitOf(1, large))).rejects.toThrow("4 MiB");
    expect(owner.position("batches")).toBe(0);
  });

  it("NET-03 fences an owner when another comes, and tells it once", async () => {
    let lostCount = 0;
    const old = await own(() => {
      lostCount++;
    });
    await old.commit(commitOf(3, { key: "old" }));
    const next = await own();
    expect(next.position("batches")).toBe(3);
    await expect(old.commit(commitOf(4, { key: "late" }))).rejects.toMatchObject({
      code: "LOG_FENCED",
    });
    await next.commit(commitOf(5, { key: "new" }));
    const third = await own();
    expect(third.position("batches")).toBe(5);
    expect(third.state.get("key")).toEqual(bytes("new"));
    await expect.poll(() => lostCount).toBe(1);
  });

  it("NET-03 decides an open commit before the next owner sees the state", async () => {
    const old = await own();
    await old.commit(commitOf(1, { key: "first" }));
    const committing = old.commit(commitOf(2, { key: "second" })).then(
      () => "committed",
      (error: unknown) => error,
    );
    const next = await own();
    const outcome = await committing;
    if (outcome === "committed") {
      expect(next.position("batches")).toBe(2);
      expect(next.state.get("key")).toEqual(bytes("second"));
    } else {
      expect(outcome).toMatchObject({ code: "LOG_FENCED" });
      expect(next.position("batches")).toBe(1);
      expect(next.state.get("key")).toEqual(bytes("first"));
    }
  });

  it("keeps groups apart", async () => {
    const one = await own();
    let isOneLost = false;
    const other = await running.log.own("other group", 0, () => {
      isOneLost = true;
    });
    await other.commit(commitOf(8, {}));
    await one.commit(commitOf(2, {}));
    expect(isOneLost).toBe(false);
    expect((await own()).position("batches")).toBe(2);
    expect((await running.log.own("other group", 0, ignore)).position("batches")).toBe(8);
  });

  it("refuses an owner that closed", async () => {
    const owner = await own();
    await owner.close();
    await expect(owner.commit(commitOf(1, {}))).rejects.toMatchObject({ code: "LOG_FENCED" });
  });

  it("trims nothing that a registered reader has not read", async () => {
    for (let index = 0; index < 100; index++) await append(`record ${index}`);
    const slow = await own();
    const fast = await running.log.own("fast", 0, ignore);
    const all = await readAll(slow, 0, 100);
    const half = all[50]?.position ?? 0;
    await fast.commit(commitOf((all[99]?.position ?? 0) + 1, {}));
    await readAll(fast, 0, 1);
    await running.log.trim("batches", 0, (all[99]?.position ?? 0) + 1);
    expect(await readAll(slow, 0, 100)).toEqual(all);
    await slow.commit(commitOf(half, {}));
    await running.log.trim("batches", 0, (all[99]?.position ?? 0) + 1);
    expect(await readAll(slow, half, 50)).toEqual(all.slice(50));
  });

  it("trims nothing before anybody reads", async () => {
    for (let index = 0; index < 30; index++) await append(`record ${index}`);
    await running.log.trim("batches", 0, Number.MAX_SAFE_INTEGER);
    expect(await readAll(await own(), 0, 30)).toHaveLength(30);
  });

  it("never gives a position twice, also when everything was trimmed before a restart", async () => {
    let last = -1;
    for (let life = 0; life < 4; life++) {
      let position = -1;
      for (let index = 0; index < 40; index++) position = await append(`life ${life}`);
      expect(position).toBeGreaterThan(last);
      const owner = await own();
      const [first] = await owner.read("batches", last + 1, 1, noSignal);
      expect(String(first?.payload)).toBe(`life ${life}`);
      await owner.commit(commitOf(position + 1, {}));
      await running.log.trim("batches", 0, position + 1);
      last = position;
      await restart();
    }
  });

  it("takes no appends once it is closed", async () => {
    await append("a");
    await running.log.close();
    await expect(append("b")).rejects.toMatchObject({ code: "LOG_UNAVAILABLE" });
  });
});
