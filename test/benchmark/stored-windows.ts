/**
 * Measures what an aggregator keeps: `node test/benchmark/stored-windows.ts [DIRECTORY] [DAYS] [SERVICES] [FIRST]` (defaults: the system's temporary
 * folder, 30 days, 200 services: 8.6 million windows of a minute, and their roll-ups, some 4 GB). Stage 2 writes them as it does all day,
 * every window once, with 20 bins; into the folder FIRST if there is one (such as /dev/shm, when the disk is slow), from which the store is moved then. Then: bytes on disk; queries as the API answers them; one day more, of which the retention takes the oldest; how long
 * the program takes from its start on that folder to ready.
 *
 * Found with 10 days (2.88 million windows and 0.6 million roll-ups) on two cores that others used, too: 570 bytes a window on disk, roll-ups
 * included (452 since the indices are tables of their own); 27,000 windows written a CPU second; 24 h of one service 15.8 ms of CPU by minutes, 2.7 by 5 minutes; 10 d by hours 3.1 ms;
 * one day more grows the file by 2.2 %, since what is deleted is used again; 830 ms from start to ready, whatever is stored
 * (with 3.3 million windows and with none, on a machine where everything took ten times as long: 1.2 to 1.6 and 0.9 to 1.4 s of CPU).
 */
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StageTwo, WINDOW_DEFAULTS } from "../../aggregator/process/stage-two.ts";
import { WindowsApi } from "../../aggregator/serve/windows.ts";
import { Contributors } from "../../aggregator/state/contributors.ts";
import { makeSeries } from "../../aggregator/state/keys.ts";
import { readProcessRow } from "../../aggregator/state/read-agents.ts";
import { openSqliteStore } from "../../aggregator/state/sqlite-store.ts";
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { seededRandom } from "./log-lines.ts";

const DAY_MINUTES = 1_440;
const BIN_COUNT = 20;
const FIRST_MINUTE = 20_000 * DAY_MINUTES;
const QUERY_COUNT = 100;
/** Minutes that stage 2 gets at once. */
const MINUTES_AT_ONCE = 5;

const days = Number(process.argv[3] ?? 30);
const serviceCount = Number(process.argv[4] ?? 200);
const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "stored-windows-"));
const path = join(directory, "state.sqlite");
const firstDirectory =
  process.argv[5] === undefined ? directory : mkdtempSync(join(process.argv[5], "stored-windows-"));
const firstPath = join(firstDirectory, "state.sqlite");
const random = seededRandom(1);
const series = Array.from({ length: serviceCount }, (_, index) =>
  makeSeries("", "application-logs", `service-${index}`),
);
const samples = Array.from({ length: 50 }, () => {
  const aggregate = new Aggregate();
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    for (let count = 1 + random() * 5; count > 0; count--) {
      aggregate.add(random() < 0.05 ? 4 : 2, Math.floor(1_000 * 1.02 ** (bin * 3)));
    }
  }
  return aggregate;
});

function say(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(58)} ${value}\n`);
}

function quantiles(values: number[]): string {
  values.sort((a, b) => a - b);
  const at = (q: number) => (values[Math.ceil(values.length * q) - 1] ?? Number.NaN).toFixed(1);
  return `${at(0.5)} / ${at(0.99)} ms`;
}

let store = await openSqliteStore(realPlatform.disk, firstPath);
const windowsRetentionMs = days * DAY_MINUTES * 60_000;
const settings = { ...WINDOW_DEFAULTS, windowsRetentionMs };
let stage = new StageTwo(store, settings);

/** Moves the store from where it was filled to where it is measured. */
async function moveStore(): Promise<void> {
  if (firstPath === path) return;
  await store.close();
  copyFileSync(firstPath, path);
  rmSync(firstPath);
  store = await openSqliteStore(realPlatform.disk, path);
  stage = new StageTwo(store, settings);
}

async function flush(): Promise<void> {
  const { changes, isQuiet } = stage.flush();
  if (!isQuiet) await store.commit(changes);
  stage.settle();
}

/** Merges windows of so many minutes from `fromMinute` on, and lets the watermark follow. */
async function write(fromMinute: number, minuteCount: number): Promise<void> {
  for (let minute = fromMinute; minute < fromMinute + minuteCount; minute += MINUTES_AT_ONCE) {
    for (let at = minute; at < minute + MINUTES_AT_ONCE; at++) {
      for (const each of series) {
        const aggregate = new Aggregate();
        aggregate.merge(samples[Math.floor(random() * samples.length)] ?? aggregate);
        const contributors = new Contributors();
        contributors.add("web-1", aggregate.requestCount, aggregate.errorCount);
        if (stage.isFull) await flush();
        stage.merge({ series: each, minute: at, aggregate, contributors });
      }
    }
    const watermarkMs = (minute + MINUTES_AT_ONCE) * 60_000;
    stage.observe(0, { watermarkMs, idle: false, selection: undefined });
    do {
      stage.housekeep();
      await flush();
    } while (stage.hasHousekeeping);
  }
}

async function measureQueries(): Promise<void> {
  const api = new WindowsApi({
    views: () => [store],
    watermarkMs: () => readProcessRow(store).watermarkMs,
    timers: realPlatform.timers,
  });
  const iso = (minute: number) => new Date(minute * 60_000).toISOString();
  const ask = async (what: string, lengthMinutes: number, query: string) => {
    const tookMs: number[] = [];
    const cpu = process.cpuUsage();
    let bytes = 0;
    const room = Math.max(0, days * DAY_MINUTES - lengthMinutes);
    for (let count = 0; count < QUERY_COUNT; count++) {
      const from = FIRST_MINUTE + Math.floor((random() * room) / 60) * 60;
      const service = query.includes("SERVICE")
        ? `service-${Math.floor(random() * serviceCount)}`
        : "";
      const range = `from=${iso(from)}&to=${iso(from + lengthMinutes)}`;
      const startedMs = performance.now();
      const answer = await api.answer("", `${range}&${query.replace("SERVICE", service)}`, "::1");
      tookMs.push(performance.now() - startedMs);
      bytes = answer.body.length;
    }
    const used = process.cpuUsage(cpu);
    const cpuMs = ((used.user + used.system) / 1_000 / QUERY_COUNT).toFixed(1);
    const size = Math.round(bytes / 1024);
    say(`${what}, p50 / p99`, `${quantiles(tookMs)}, ${cpuMs} ms CPU (${size} KiB)`);
  };
  const dayMinutes = DAY_MINUTES;
  await ask("24 h of one service by minutes", dayMinutes, "service=SERVICE");
  await ask("24 h of one service by 5 minutes", dayMinutes, "service=SERVICE&step=5m");
  await ask(`${days} d of one service by hours`, days * dayMinutes, "service=SERVICE&step=1h");
  await ask("one hour of all services by hours", 60, "step=1h");
  await ask("24 h of all services by hours", dayMinutes, "step=1h");
  await ask(`${days} d of all services by days`, days * dayMinutes, "step=1d");
}

/** What a process has used so far, of which the kernel counts hundredths of a second (proc_pid_stat(5)). */
function cpuMsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function measureStart(): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  const config = join(directory, "aggregator.yaml");
  writeFileSync(
    config,
    `listen: 127.0.0.1:${address.port}\ndata_dir: ${directory}\nwindows_retention: ${days}d\n`,
  );
  const main = join(import.meta.dirname, "../../main.ts");
  const startedMs = performance.now();
  const child = spawn(process.execPath, [main, "aggregator", "--config", config], {
    stdio: "ignore",
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  for (;;) {
    const isReady = await fetch(`http://127.0.0.1:${address.port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (performance.now() - startedMs > 60_000) throw new Error("the aggregator is not ready");
    await realPlatform.timers.sleep(5);
  }
  const tookMs = Math.round(performance.now() - startedMs);
  say("from the start of the program to ready", `${tookMs} ms, ${cpuMsOf(child.pid)} ms CPU`);
  child.kill("SIGTERM");
  await gone;
}

try {
  const windowCount = days * DAY_MINUTES * serviceCount;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await write(FIRST_MINUTE, days * DAY_MINUTES);
  const wallSeconds = (performance.now() - startedMs) / 1_000;
  const used = process.cpuUsage(cpu);
  const cpuSeconds = (used.user + used.system) / 1e6;
  say("windows of a minute", `${(windowCount / 1e6).toFixed(2)} million`);
  say(
    "written with their roll-ups, each final in its own commit",
    `${Math.round(windowCount / cpuSeconds)} a CPU second, ${Math.round(windowCount / wallSeconds)} a second`,
  );
  await moveStore();
  const bytes = statSync(path).size;
  say(
    "bytes on disk",
    `${(bytes / 1e6).toFixed(0)} MB, ${(bytes / windowCount).toFixed(0)} a window`,
  );
  await measureQueries();
  await write(FIRST_MINUTE + days * DAY_MINUTES, DAY_MINUTES);
  const grown = statSync(path).size / bytes;
  say("one day more, the oldest deleted: growth on disk", `${((grown - 1) * 100).toFixed(1)} %`);
  await store.close();
  await measureStart();
} finally {
  await store.close();
  for (const each of [directory, firstDirectory]) {
    rmSync(each, { recursive: true, force: true });
  }
}
