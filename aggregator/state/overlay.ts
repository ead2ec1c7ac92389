import type { StateChange, StateView } from "../log/log.ts";

/** A view of stored state with changes on top that are not committed yet. */
export class Overlay implements StateView {
  private readonly base: StateView;
  private changes = new Map<string, Buffer | undefined>();
  private bytes = 0;

  constructor(base: StateView) {
    this.base = base;
  }

  /** Changes that are not taken yet. */
  get changeCount(): number {
    return this.changes.size;
  }

  /** Bytes of the keys and values of these changes. */
  get changeBytes(): number {
    return this.bytes;
  }

  /** Undefined deletes. */
  set(key: string, value: Buffer | undefined): void {
    if (!this.changes.has(key)) this.bytes += key.length;
    this.bytes += (value?.length ?? 0) - (this.changes.get(key)?.length ?? 0);
    this.changes.set(key, value);
  }

  get(key: string): Buffer | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.base.get(key);
  }

  /** Entries as of the call, whatever is set while they are walked. */
  *range(
    from: string,
    to: string,
    options: { readonly limit?: number; readonly reverse?: boolean } = {},
  ): Iterable<readonly [key: string, value: Buffer]> {
    const { reverse = false, limit = Number.POSITIVE_INFINITY } = options;
    const changed = new Map<string, Buffer | undefined>();
    for (const [key, value] of this.changes) if (key >= from && key < to) changed.set(key, value);
    const keys = [...changed.keys()].sort();
    if (reverse) keys.reverse();
    let at = 0;
    let left = limit;
    for (const [baseKey, baseValue] of this.base.range(from, to, { reverse })) {
      for (let key = keys[at]; key !== undefined; key = keys[++at]) {
        if (reverse ? key <= baseKey : key >= baseKey) break;
        const value = changed.get(key);
        if (value !== undefined && left-- > 0) yield [key, value];
      }
      if (left <= 0) return;
      if (!changed.has(baseKey) && left-- > 0) yield [baseKey, baseValue];
    }
    for (const key of keys.slice(at)) {
      const value = changed.get(key);
      if (value !== undefined && left-- > 0) yield [key, value];
    }
  }

  /** Takes all changes; from then on the base must show them. */
  take(): StateChange[] {
    const changes = [...this.changes].map(([key, value]) => ({ key, value }));
    this.changes = new Map();
    this.bytes = 0;
    return changes;
  }
}
