/** What kernels have counted, on its way to the ordinary aggregates: the same for every format. */

import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { Counted, CountedEntry, LineCounter } from "../window/line-counter.ts";
import type { CountingKernel } from "./kernel-module.ts";
import { KernelWindows, PAGE_BUCKETS } from "./kernel-windows.ts";

/** Counts the lines that a kernel cannot prove, and keeps everything counted until it is taken. */
export interface RemainderCounter extends LineCounter {
  /** Adds counts of one service and minute, and keeps `aggregate`; may be called several times for the same. */
  addCounts(service: string, minute: number, aggregate: Aggregate): void;
  /** Adds lines for the ledger that were counted elsewhere. */
  addEntries(entries: readonly CountedEntry[]): void;
}

/** Longest name of a service that a kernel keeps. */
const SERVICE_BYTES_MAX = 64;
/** Size of a kernel's table of services: it begins anew when it is more than half full and room is needed. */
const SERVICES_MAX = 2048;
/** Kernels count lines and bytes in 32 bits: the counts are moved out before that could be too few. */
const BYTES_BETWEEN_EXPORTS_MAX = 2 ** 31;

/** See the head of the file. */
export class KernelCounts {
  readonly #kernel: CountingKernel;
  readonly #remainder: RemainderCounter;
  readonly #windows: KernelWindows;
  readonly #bytes: Buffer;
  readonly #scratch: number;
  /** Level of events that name none, where the kernel wants to know. */
  readonly #defaultLevel: number;
  readonly #onExport: () => void;

  #defaultService: string | undefined;
  #timeLimitMs = Number.NaN;
  /** Events that were moved out of the kernel, ever and since the last take. */
  #eventCount = 0;
  #events = 0;
  #bytesSinceExport = 0;
  #aheadEvents = 0;
  #aheadBytes = 0;
  #eventTimeMaxMs = Number.NEGATIVE_INFINITY;

  /** `onExport` is called before the kernel forgets its counts, so that others can be taken, too. */
  constructor(
    kernel: CountingKernel,
    remainder: RemainderCounter,
    defaultLevel: number,
    onExport: () => void = () => undefined,
  ) {
    this.#kernel = kernel;
    this.#remainder = remainder;
    this.#windows = new KernelWindows(kernel);
    this.#bytes = Buffer.from(kernel.memory);
    this.#scratch = kernel.call.scratchAddress();
    this.#defaultLevel = defaultLevel;
    this.#onExport = onExport;
  }

  /** Windows that the kernel keeps. */
  get pendingKeys(): number {
    return this.#kernel.call.slots();
  }

  /** At most how many buckets of sketches these have. */
  get pendingBuckets(): number {
    return this.#kernel.call.pages() * PAGE_BUCKETS;
  }

  /** Events that the kernel counted since it was made. */
  get eventCount(): number {
    return this.#eventCount + this.#kernel.call.events();
  }

  /** Lays a text out where the kernel looks for names; returns its length. */
  putScratch(text: string): number {
    return this.#bytes.write(text, this.#scratch, "utf8");
  }

  /** Says for which source the next lines are counted. */
  useContext(service: string, eventTimeLimitMs: number): void {
    if (service !== this.#defaultService) this.#useService(service);
    if (eventTimeLimitMs !== this.#timeLimitMs) {
      this.#timeLimitMs = eventTimeLimitMs;
      this.#kernel.call.setTimeLimit(eventTimeLimitMs);
    }
  }

  #useService(service: string): void {
    this.#defaultService = service;
    // A name that the kernel cannot keep is left to the remainder, with the lines that need it.
    const isKept = service.isWellFormed() && Buffer.byteLength(service) <= SERVICE_BYTES_MAX;
    const length = isKept ? this.putScratch(service) : 0;
    // When the table of names is full, making room for it sets the service, too.
    if (this.#kernel.call.setDefault(length, this.#defaultLevel) === 0) this.export(true);
  }

  /** Makes sure that `bytes` more can be counted. */
  reserve(bytes: number): void {
    if (this.#bytesSinceExport + bytes > BYTES_BETWEEN_EXPORTS_MAX) this.export(false);
    this.#bytesSinceExport += bytes;
  }

  /** Makes room for a line that found none. */
  makeRoom(): void {
    this.export(this.#kernel.call.services() * 2 > SERVICES_MAX);
  }

  /** Moves all counts out of the kernel. `isWithServices`: its table of names, which is full, begins anew. */
  export(isWithServices: boolean): void {
    const { call } = this.#kernel;
    const events = call.events();
    this.#eventCount += events;
    this.#events += events;
    this.#aheadEvents += call.aheadEvents();
    this.#aheadBytes += call.aheadBytes();
    if (events > call.aheadEvents()) {
      this.#eventTimeMaxMs = Math.max(this.#eventTimeMaxMs, call.timeMax());
    }
    this.#onExport();
    this.#windows.take(isWithServices, (service, minute, aggregate) =>
      this.#remainder.addCounts(service, minute, aggregate),
    );
    this.#bytesSinceExport = 0;
    if (isWithServices && this.#defaultService !== undefined)
      this.#useService(this.#defaultService);
  }

  /**
   * Takes everything that the kernel and the remainder counted. `bytes` are those of the events that the kernel counted since the last take,
   * `others` further entries for the ledger.
   */
  take(bytes: () => number, others: () => readonly CountedEntry[] = () => []): Counted {
    this.export(false);
    const entries: CountedEntry[] = [...others()];
    if (this.#events > 0) {
      entries.push({ kind: "aggregated", reason: "", lines: this.#events, bytes: bytes() });
    }
    if (this.#aheadEvents > 0) {
      const [lines, aheadBytes] = [this.#aheadEvents, this.#aheadBytes];
      entries.push({ kind: "noted", reason: "clock_ahead", lines, bytes: aheadBytes });
    }
    this.#remainder.addEntries(entries);
    const counted = this.#remainder.take();
    const timeMaxMs = Math.max(
      this.#eventTimeMaxMs,
      counted.eventTimeMaxMs ?? Number.NEGATIVE_INFINITY,
    );
    this.#events = 0;
    this.#aheadEvents = 0;
    this.#aheadBytes = 0;
    this.#eventTimeMaxMs = Number.NEGATIVE_INFINITY;
    return { ...counted, eventTimeMaxMs: Number.isFinite(timeMaxMs) ? timeMaxMs : undefined };
  }
}
