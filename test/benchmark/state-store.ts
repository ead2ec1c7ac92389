/**
 * Measures the state store on what an aggregator does all day: `npx node test/benchmark/state-store.ts [DIRECTORY] [MINUTES]`.
 * DIRECTORY (default: the system's temporary one) must lie on the disk to be measured; it gets about 1.5 GB at 12,000 minutes (the default).
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateChange } from "../../aggregator/log/log.ts";
import { openSqliteStore } from "../../aggregator/state/sqlite-store.ts";
import { realDisk } from "../../shared/platform/real-disk.ts";

const SERVICES = 100;
const WINDOWS_PER_COMMIT = 1_000;
const COMMITS = 200;
const minutes = Number(process.argv[3] ?? 12_000);
const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "state-store-"));
const path = join(directory, "state.db");
const store = await openSqliteStore(realDisk, path);
const filler = Buffer.alloc(1_500, 0x5a);

let seed = 1;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

function windowKey(service: number, minute: number): string {
  return `/w/application-logs/service-${String(service).padStart(4, "0")}/${29_400_000 + minute}`;
}

function quantile(values: number[], q: number): string {
  values.sort((a, b) => a - b);
  return (values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0).toFixed(2);
}

function say(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(44)} ${value}\n`);
}

async function load(): Promise<void> {
  let rows: StateChange[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    for (let service = 0; service < SERVICES; service++) {
      const value = filler.subarray(0, 500 + random(300));
      rows.push({ key: windowKey(service, minute), value });
    }
    if (rows.length >= 10_000 || minute === minutes - 1) {
      await store.commit(rows);
      rows = [];
    }
  }
}

let changeNumber = 1;
const changeOf = new Map<string, number>();

function changesFor(keys: Iterable<string>): StateChange[] {
  const changes: StateChange[] = [];
  const changeKey = (change: number) => `/c/${String(change).padStart(15, "0")}`;
  for (const key of keys) {
    const before = changeOf.get(key);
    if (before !== undefined) changes.push({ key: changeKey(before), value: undefined });
    changes.push({ key: changeKey(changeNumber), value: Buffer.from(key) });
    changeOf.set(key, changeNumber++);
    changes.push({ key, value: filler.subarray(0, 500 + random(1_000)) });
  }
  for (let agent = 0; agent < 20; agent++) {
    changes.push({ key: `/a/agent-${agent}`, value: filler.subarray(0, 800) });
  }
  return changes;
}

async function measureCommits(what: string, agesMinutes: number): Promise<void> {
  const commitsMs: number[] = [];
  const readsMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let commit = 0; commit < COMMITS; commit++) {
    const keys = new Set<string>();
    while (keys.size < WINDOWS_PER_COMMIT) {
      keys.add(windowKey(random(SERVICES), minutes - 1 - random(agesMinutes)));
    }
    const readingMs = performance.now();
    for (const key of keys) store.get(key);
    readsMs.push(performance.now() - readingMs);
    const changes = changesFor(keys);
    const committingMs = performance.now();
    await store.commit(changes);
    commitsMs.push(performance.now() - committingMs);
  }
  const cpu = process.cpuUsage(cpuBefore);
  say(
    `${what}: commit, p50 / p99 ms`,
    `${quantile(commitsMs, 0.5)} / ${quantile(commitsMs, 0.99)}`,
  );
  say(`${what}: reading the 1,000 before, p50 ms`, quantile(readsMs, 0.5));
  say(`${what}: CPU ms a commit, all told`, ((cpu.user + cpu.system) / 1_000 / COMMITS).toFixed(1));
}

function measureReads(): void {
  const gets = 20_000;
  const gettingMs = performance.now();
  for (let i = 0; i < gets; i++) store.get(windowKey(random(SERVICES), random(minutes)));
  say("random read, µs", (((performance.now() - gettingMs) * 1_000) / gets).toFixed(1));
  const ranges = 100;
  const rangingMs = performance.now();
  let rowCount = 0;
  for (let i = 0; i < ranges; i++) {
    const service = random(SERVICES);
    const from = random(Math.max(1, minutes - 1_440));
    for (const _ of store.range(windowKey(service, from), windowKey(service, from + 1_440))) {
      rowCount++;
    }
  }
  const rangeMs = (performance.now() - rangingMs) / ranges;
  say(`range of ${Math.round(rowCount / ranges)} windows, ms`, rangeMs.toFixed(2));
}

try {
  const loadingMs = performance.now();
  await load();
  const loadSeconds = (performance.now() - loadingMs) / 1_000;
  say("rows in the background", String(minutes * SERVICES));
  say("loading them, s", loadSeconds.toFixed(1));
  await measureCommits("newest windows", 15);
  await measureCommits("any windows", minutes);
  measureReads();
  say("file, MB", (statSync(path).size / 1e6).toFixed(0));
  const status = readFileSync("/proc/self/status", "utf8");
  say("RSS, anonymous RSS", (status.match(/(VmRSS|RssAnon):\s+\d+ kB/g) ?? []).join(", "));
} finally {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}
