import type { LogRecord } from "./log.ts";

/** What a record costs beside its payload, roughly, so that empty ones are bounded, too. */
const RECORD_OVERHEAD_BYTES = 256;

/** The newest records of a log in memory, so that a reader who keeps up never asks the disk. */
export class RecentRecords {
  readonly #bytesMax: number;
  #records: LogRecord[] = [];
  /** Index of the first record that counts; those before are forgotten and cut off from time to time. */
  #start = 0;
  #bytes = 0;
  #firstPosition: number;

  /** `nextPosition` is the position of the first record that will be pushed. */
  constructor(nextPosition: number, bytesMax: number) {
    this.#firstPosition = nextPosition;
    this.#bytesMax = bytesMax;
  }

  /** Takes the next record; its position follows the last one's. */
  push(record: LogRecord): void {
    this.#records.push({ ...record, payload: ownBytes(record.payload) });
    this.#bytes += record.payload.length + RECORD_OVERHEAD_BYTES;
    while (this.#bytes > this.#bytesMax && this.#start < this.#records.length - 1) {
      const oldestBytes = this.#records[this.#start]?.payload.length ?? 0;
      this.#bytes -= oldestBytes + RECORD_OVERHEAD_BYTES;
      this.#start++;
      this.#firstPosition++;
    }
    if (this.#start > 1024 || this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Records from `from` on, at most about `bytesMax`; undefined when `from` is older than what is kept. */
  read(from: number, bytesMax: number): LogRecord[] | undefined {
    if (from < this.#firstPosition) return undefined;
    const found: LogRecord[] = [];
    let bytes = 0;
    let index = this.#start + from - this.#firstPosition;
    for (; index < this.#records.length && bytes < bytesMax; index++) {
      const record = this.#records[index];
      if (record === undefined) break;
      found.push(record);
      bytes += record.payload.length;
    }
    return found;
  }
}

/**
 * Bytes that keep nothing else in memory. A small buffer is a piece of a large one that many share (Node's pool has 64 KiB, a writer's chunk may have more):
 * each record kept here for long would keep all of that.
 */
function ownBytes(payload: Buffer): Buffer {
  if (payload.buffer.byteLength <= 2 * payload.length) return payload;
  const own = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(own);
  return own;
}
