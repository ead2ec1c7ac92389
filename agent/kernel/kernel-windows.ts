import { Aggregate, LEVELS } from "../../shared/aggregates/aggregate.ts";
import type { QuantileSketch } from "../../shared/aggregates/quantile-sketch.ts";
import type { CountingKernel } from "./kernel-module.ts";

/** Layout of a slot; `assembly/windows.ts` says the same. Offsets in bytes. */
const SLOT_BYTES = 128;
const SLOT_ZEROS = 28;
const SLOT_SUM = 32;
const SLOT_SUM_HIGH = 40;
const SLOT_MINUTE = 44;
const SLOT_MIN = 48;
const SLOT_MAX = 56;
const SLOT_SERVICE = 64;
const SLOT_PAGES = 72;
const PAGE_COUNT = 22;
const PAGE_BYTES = 256;
/** Buckets of a page. */
export const PAGE_BUCKETS = 64;
const SERVICE_LENGTH = 64;
const LOW_LIMIT = 2 ** 32;

/** Takes the counts out of a kernel's memory and forgets them there. */
export class KernelWindows {
  readonly #kernel: CountingKernel;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #buckets = new Uint32Array(PAGE_COUNT * PAGE_BUCKETS);
  readonly #pages: number;
  readonly #slots: number;
  /** Names of services by their address in the kernel. */
  readonly #names = new Map<number, string>();

  constructor(kernel: CountingKernel) {
    this.#kernel = kernel;
    this.#bytes = Buffer.from(kernel.memory);
    this.#words = new Uint32Array(kernel.memory);
    this.#doubles = new Float64Array(kernel.memory);
    this.#pages = kernel.call.pagesAddress();
    this.#slots = kernel.call.slotsAddress();
  }

  /**
   * Calls `use` once for each service and minute that has counts; the aggregate is the receiver's. A service may come under two
   * addresses of the kernel with names that read the same (invalid UTF-8), so a name and minute may come twice.
   * `isWithServices`: the kernel's table of names begins anew, and its default service must be set again.
   */
  take(
    isWithServices: boolean,
    use: (service: string, minute: number, aggregate: Aggregate) => void,
  ): void {
    const count = this.#kernel.call.slots();
    for (let number = 0; number < count; number++) {
      const slot = this.#slots + number * SLOT_BYTES;
      const aggregate = this.#aggregate(slot);
      // A slot made for a line that then found no room for its bucket is empty.
      if (aggregate.requestCount === 0) continue;
      use(
        this.#name(this.#word(slot + SLOT_SERVICE)),
        this.#word(slot + SLOT_MINUTE) | 0,
        aggregate,
      );
    }
    this.#kernel.call.clear(isWithServices ? 1 : 0);
    if (isWithServices) this.#names.clear();
  }

  #word(address: number): number {
    return this.#words[address >>> 2] ?? 0;
  }

  #name(service: number): string {
    let name = this.#names.get(service);
    if (name === undefined) {
      name = this.#bytes.toString("utf8", service, service + this.#word(service + SERVICE_LENGTH));
      this.#names.set(service, name);
    }
    return name;
  }

  #aggregate(slot: number): Aggregate {
    const aggregate = new Aggregate();
    for (let level = 0; level < LEVELS.length; level++) {
      aggregate.levels[level] = this.#word(slot + 4 * level);
    }
    const { sketch } = aggregate;
    sketch.zeroCount = this.#word(slot + SLOT_ZEROS);
    sketch.count = sketch.zeroCount;
    this.#readBuckets(slot, sketch);
    if (sketch.count > 0) {
      // 2^48 × high + sum, where sum < 2^48.
      const sum = this.#double(slot + SLOT_SUM);
      const high = this.#word(slot + SLOT_SUM_HIGH) * 2 ** 16 + Math.floor(sum / LOW_LIMIT);
      aggregate.addSum(sum % LOW_LIMIT, high);
      aggregate.durationMin = this.#double(slot + SLOT_MIN);
      aggregate.durationMax = this.#double(slot + SLOT_MAX);
    }
    return aggregate;
  }

  /** Lays the pages of a slot side by side, then copies what lies between the outermost counts. */
  #readBuckets(slot: number, sketch: QuantileSketch): void {
    const buckets = this.#buckets;
    let first = -1;
    let last = -1;
    for (let number = 0; number < PAGE_COUNT; number++) {
      const pair = this.#word(slot + SLOT_PAGES + (number & ~1) * 2);
      const page = (number & 1) === 0 ? pair & 0xffff : pair >>> 16;
      if (page === 0) continue;
      const from = (this.#pages + page * PAGE_BYTES) >>> 2;
      const start = number * PAGE_BUCKETS;
      buckets.set(this.#words.subarray(from, from + PAGE_BUCKETS), start);
      if (first < 0) first = start;
      // Pages between this one and the one before have no counts; their place holds an older slot's.
      else buckets.fill(0, last, start);
      last = start + PAGE_BUCKETS;
    }
    if (first < 0) return;
    while (buckets[first] === 0) first++;
    while (buckets[last - 1] === 0) last--;
    const bins = new Array<number>(last - first);
    let count = 0;
    for (let at = first; at < last; at++) {
      const binCount = buckets[at] ?? 0;
      bins[at - first] = binCount;
      count += binCount;
    }
    sketch.first = first;
    sketch.bins = bins;
    sketch.count += count;
  }

  #double(address: number): number {
    return this.#doubles[address >>> 3] ?? 0;
  }
}
