import type { Prng } from "./prng.ts";

/** A change that the page cache has and the disk may not. */
type PendingChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly bytes: number };

/** Bytes that grow. What lies beyond their length is arbitrary. */
class GrowingBytes {
  private buffer: Buffer = Buffer.alloc(0);
  length = 0;

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (end > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(256, end, this.buffer.length * 2));
      grown.set(this.view());
      this.buffer = grown;
    }
    if (position > this.length) this.buffer.fill(0, this.length, position);
    this.buffer.set(bytes, position);
    this.length = Math.max(this.length, end);
  }

  /** Shortens, or grows with NUL bytes. */
  resize(length: number): void {
    if (length > this.length) this.write(length - 1, ZERO);
    this.length = length;
  }

  view(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}

const ZERO = Buffer.alloc(1);

/** What a power cut leaves of the changes that were not synced. */
const crashOutcomes = ["none", "all", "prefix", "subset"] as const;

/** The content of one file: what the page cache shows, and what the disk is sure to hold. */
export class FileContent {
  /** True: every change is durable at once. For files that others write, whose loss is not what is tested. */
  readonly isAlwaysDurable: boolean;
  private readonly cached = new GrowingBytes();
  private durable = new GrowingBytes();
  private pending: PendingChange[] = [];

  constructor(isAlwaysDurable: boolean) {
    this.isAlwaysDurable = isAlwaysDurable;
  }

  get length(): number {
    return this.cached.length;
  }

  /** All bytes that a reader sees; valid until the next change. */
  view(): Buffer {
    return this.cached.view();
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.cached.write(position, bytes);
    if (!this.isAlwaysDurable) {
      this.pending.push({ kind: "write", position, bytes: Buffer.from(bytes) });
    }
  }

  truncate(bytes: number): void {
    this.cached.resize(bytes);
    if (!this.isAlwaysDurable) this.pending.push({ kind: "truncate", bytes });
  }

  /** Makes all changes durable. */
  sync(): void {
    for (const change of this.pending) apply(this.durable, change);
    this.pending = [];
  }

  /** A sync that failed: readers go on seeing the changes, but some never reach the disk, and a later sync does not know of them. */
  failSync(prng: Prng): void {
    for (const change of this.pending) {
      if (prng.chance(0.5)) apply(this.durable, change);
    }
    this.pending = [];
  }

  /** A power cut: of the changes that were not synced any may be lost or torn. */
  crash(prng: Prng): void {
    if (this.isAlwaysDurable) return;
    const outcome = prng.pick(crashOutcomes);
    const kept = outcome === "prefix" ? prng.below(this.pending.length + 1) : this.pending.length;
    for (const [index, change] of this.pending.entries()) {
      if (outcome === "none" || index > kept) continue;
      if (outcome === "subset") {
        if (prng.chance(0.5)) tear(this.durable, change, prng);
      } else if (outcome === "prefix" && index === kept) {
        tear(this.durable, change, prng);
      } else {
        apply(this.durable, change);
      }
    }
    this.pending = [];
    this.cached.resize(0);
    this.cached.write(0, this.durable.view());
  }

  /** A copy whose content is durable. */
  clone(): FileContent {
    const copy = new FileContent(this.isAlwaysDurable);
    copy.write(0, this.view());
    copy.sync();
    return copy;
  }
}

function apply(target: GrowingBytes, change: PendingChange): void {
  if (change.kind === "write") target.write(change.position, change.bytes);
  else target.resize(change.bytes);
}

/** Half a change: a beginning, an end, or both without the middle; what is missing shows what was there before, or NUL. */
function tear(target: GrowingBytes, change: PendingChange, prng: Prng): void {
  if (change.kind === "truncate") {
    if (prng.chance(0.5)) target.resize(change.bytes);
    return;
  }
  const { position, bytes } = change;
  const cut = prng.below(bytes.length + 1);
  const resume = prng.chance(0.5) ? bytes.length : cut + prng.below(bytes.length - cut + 1);
  target.write(position, bytes.subarray(0, cut));
  if (resume < bytes.length) target.write(position + resume, bytes.subarray(resume));
}
