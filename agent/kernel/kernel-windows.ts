import { Aggregate, LEVELS } from "../../shared/aggregates/aggregate.ts";
import type { Kernel } from "./kernel-module.ts";

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
const PAGE_BUCKETS = 64;
const SERVICE_LENGTH = 64;
const LOW_LIMIT = 2 ** 32;

/** Takes the counts out of a kernel's memory and forgets them there. */
export class KernelWindows {
  readonly #kernel: Kernel;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #pages: number;
  readonly #slots: number;
  /** Names of services by their address in the kernel. */
  readonly #names = new Map<number, string>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#bytes = Buffer.from(kernel.memory);
    this.#words = new Uint32Array(kernel.memory);
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
    for (let number = 0; number < PAGE_COUNT; number++) {
      const pair = this.#word(slot + SLOT_PAGES + (number & ~1) * 2);
      const page = (number & 1) === 0 ? pair & 0xffff : pair >>> 16;
      if (page !== 0) this.#addPage(aggregate, this.#pages + page * PAGE_BYTES, number);
    }
    if (sketch.count > 0) {
      const high = this.#word(slot + SLOT_SUM + 4);
      // The sum is 2^48 × SUM_HIGH + 2^32 × high + low.
      aggregate.addSum(
        this.#word(slot + SLOT_SUM),
        this.#word(slot + SLOT_SUM_HIGH) * 2 ** 16 + high,
      );
      aggregate.durationMin = this.#us(slot + SLOT_MIN);
      aggregate.durationMax = this.#us(slot + SLOT_MAX);
    }
    return aggregate;
  }

  #addPage(aggregate: Aggregate, page: number, number: number): void {
    const { sketch } = aggregate;
    for (let at = 0; at < PAGE_BUCKETS; at++) {
      const count = this.#word(page + 4 * at);
      if (count === 0) continue;
      sketch.count += count;
      sketch.addBin(number * PAGE_BUCKETS + at, count);
    }
  }

  #us(address: number): number {
    return this.#word(address + 4) * LOW_LIMIT + this.#word(address);
  }
}
