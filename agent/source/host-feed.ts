/** Measures this host every now and then; each measurement is a line of JSON. */
import { systemCode } from "../../shared/errors.ts";
import type { Clock } from "../../shared/platform/clock.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import {
  type FileSystemSample,
  type HostSample,
  hostEvents,
  localMounts,
  PRESSURE_RESOURCES,
} from "./host-metrics.ts";
import type { LineFeed, TakenLines } from "./line-feed.ts";
import { WaitingLines } from "./waiting-lines.ts";

/** How a host is measured. */
export interface HostFeedOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Name of the host, in each event. */
  readonly host: string;
  readonly intervalMs: number;
  /** Where the kernel's files stand, such as `/proc`. */
  readonly procfs: string;
  /** True to measure once and end. */
  readonly once: boolean;
}

/** Measurements that wait; while the agent cannot count further ones are left out. */
const WAITING_BYTES_MAX = 1024 * 1024;
/** A timer may be a little early by the clock: a sample then would be one of the minute before. */
const EARLY_MS_MAX = 50;
const READ_BYTES = 65_536;
/** Larger files of /proc do not exist for what is read here. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** See the head of the file. Samples are taken at multiples of the interval, so that each minute has as many. */
export class HostFeed implements LineFeed {
  readonly path = "host";
  readonly #options: HostFeedOptions;
  readonly #closing = new AbortController();
  #waiting: WaitingLines | undefined;
  #before: HostSample | undefined;
  #work: Promise<void> = Promise.resolve();
  #hasEnded = false;

  constructor(options: HostFeedOptions) {
    this.#options = options;
  }

  get waitingBytes(): number {
    return this.#waiting?.bytes ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async open(position: string, wake: () => void): Promise<string> {
    const waiting = new WaitingLines(WAITING_BYTES_MAX, wake);
    this.#waiting = waiting;
    this.#work = this.#measureOn(waiting);
    return position;
  }

  async tend(): Promise<void> {
    // The timer tends it.
  }

  take(bytesMax: number): TakenLines {
    return this.#waiting?.take(bytesMax) ?? { bytes: Buffer.alloc(0), refused: [] };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  async #measureOn(waiting: WaitingLines): Promise<void> {
    const { timers, intervalMs, once } = this.#options;
    const { signal } = this.#closing;
    // Rates need a moment before.
    this.#before = await this.#sample();
    while (!signal.aborted) {
      const waitMs = once ? Math.min(1000, intervalMs) : this.#shortMs();
      await timers.sleep(waitMs, signal);
      while (!once && !signal.aborted && this.#shortMs() <= EARLY_MS_MAX) {
        await timers.sleep(this.#shortMs(), signal);
      }
      if (signal.aborted) return;
      const sample = await this.#sample();
      if (!waiting.isFull) waiting.add(this.#linesOf(sample));
      this.#before = sample;
      if (once) {
        this.#hasEnded = true;
        return;
      }
    }
  }

  /** Milliseconds up to the next multiple of the interval. */
  #shortMs(): number {
    const { clock, intervalMs } = this.#options;
    return intervalMs - (clock.now() % intervalMs);
  }

  #linesOf(sample: HostSample): Buffer {
    const { host } = this.#options;
    const timestamp = new Date(sample.timeMs).toISOString();
    const events = hostEvents(sample, this.#before);
    const lines = events.map((event) =>
      JSON.stringify({ timestamp, service: host, host, ...event }),
    );
    return Buffer.from(lines.map((line) => `${line}\n`).join(""));
  }

  async #sample(): Promise<HostSample> {
    const { clock } = this.#options;
    const timeMs = clock.now();
    const monotonicMs = clock.monotonic();
    const [cpu = "", memory = "", io = ""] = await Promise.all(
      PRESSURE_RESOURCES.map((resource) => this.#read(`pressure/${resource}`)),
    );
    const names = ["stat", "meminfo", "loadavg", "diskstats", "net/dev", "self/mounts"] as const;
    const [stat = "", meminfo = "", loadavg = "", diskstats = "", netDev = "", mounts = ""] =
      await Promise.all(names.map((name) => this.#read(name)));
    const fileSystems: FileSystemSample[] = [];
    for (const mount of localMounts(mounts)) {
      try {
        fileSystems.push({ ...mount, ...(await this.#options.disk.usage(mount.mount)) });
      } catch (error) {
        // Unmounted meanwhile, or not for this user to see.
        if (systemCode(error) === undefined) throw error;
      }
    }
    return {
      ...{ timeMs, monotonicMs, stat, meminfo, loadavg, diskstats, netDev, mounts, fileSystems },
      pressure: { cpu, memory, io },
    };
  }

  /** A file of /proc, whose size nobody knows before; empty when the kernel has none or does not tell. */
  async #read(name: string): Promise<string> {
    const { disk, procfs } = this.#options;
    try {
      const file = await disk.open(`${procfs}/${name}`, "read");
      try {
        const parts: Buffer[] = [];
        for (let position = 0; position < FILE_BYTES_MAX; ) {
          const part = Buffer.alloc(READ_BYTES);
          const count = await file.read(part, 0, part.length, position);
          if (count === 0) break;
          parts.push(part.subarray(0, count));
          position += count;
        }
        return Buffer.concat(parts).toString();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return "";
    }
  }
}
