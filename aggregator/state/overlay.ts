import type { StateChange, StateView } from "../log/log.ts";

/** A view of stored state with changes on top that are not committed yet. */
export class Overlay implements StateView {
  private readonly base: StateView;
  private changes = new Map<string, Buffer | undefined>();

  constructor(base: StateView) {
    this.base = base;
  }

  /** Undefined deletes. */
  set(key: string, value: Buffer | undefined): void {
    this.changes.set(key, value);
  }

  get(key: string): Buffer | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.base.get(key);
  }

  *range(
    from: string,
    to: string,
    options: { readonly limit?: number; readonly reverse?: boolean } = {},
  ): Iterable<readonly [key: string, value: Buffer]> {
    const merged = new Map<string, Buffer>(this.base.range(from, to));
    for (const [key, value] of this.changes) {
      if (key < from || key >= to) continue;
      if (value === undefined) merged.delete(key);
      else merged.set(key, value);
    }
    const keys = [...merged.keys()].sort();
    if (options.reverse === true) keys.reverse();
    for (const key of keys.slice(0, options.limit)) {
      const value = merged.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Takes all changes; from then on the base must show them. */
  take(): StateChange[] {
    const changes = [...this.changes].map(([key, value]) => ({ key, value }));
    this.changes = new Map();
    return changes;
  }
}
