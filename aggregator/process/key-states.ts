import type { Value } from "../../shared/expression/parse.ts";
import type { RuleState } from "../rules/rule-machine.ts";
import type { ActiveRule } from "../rules/rule-set.ts";
import { type Lane, ruleStateKey, ruleTimerKey } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import { decodeRuleKeyRow, encodeRuleKeyRow } from "../state/rule-rows.ts";

/** Largest row of one value of a rule's key; a value that needs more begins anew. */
export const STATE_BYTES_MAX: number = 256 * 1024;
/** Estimated bytes of decoded states in memory. */
const CACHE_BYTES_MAX = 64 * 1024 * 1024;
/** Memory of a state beside what its row holds, and how much larger that is in memory. */
const HELD_BYTES = 1_000;
const MEMORY_FACTOR = 4;
/** A row without what the state needs. */
const ROW_BYTES = 200;

/** What a rule knows of one value of its key, decoded. */
export interface HeldKey {
  readonly active: ActiveRule;
  /** Part of the key of its row. */
  readonly part: string;
  readonly tenant: string;
  readonly key: Value;
  state: RuleState;
  timerMs: number | undefined;
  cooldownUntilMs: number | undefined;
  partialCount: number;
  /** Bytes that its row needs at most, but for partial matches and links that came since it was last measured. */
  bytes: number;
  /** What the machine said of partial matches and links when it was last measured. */
  measuredBytes: number;
  isDirty: boolean;
}

/** Decoded states of rules, so that an event of a known key needs neither a read nor a decoding. Bounded by an estimate of its memory. */
export class KeyStates {
  private readonly overlay: Overlay;
  private readonly held = new Map<string, HeldKey>();
  private readonly dirty = new Set<HeldKey>();
  private bytes = 0;
  /** Bytes that the rows of dirty states need at most. */
  dirtyBytes = 0;

  constructor(overlay: Overlay) {
    this.overlay = overlay;
  }

  /** States that are to be written. */
  get dirtyCount(): number {
    return this.dirty.size;
  }

  /** The state of a value from memory or from its row; undefined when nothing is known of it. */
  find(active: ActiveRule, part: string): HeldKey | undefined {
    const rowKey = ruleStateKey(active.id, part);
    const known = this.held.get(rowKey);
    if (known !== undefined) {
      // The last used go last.
      this.held.delete(rowKey);
      this.held.set(rowKey, known);
      return known;
    }
    const bytes = this.overlay.get(rowKey);
    if (bytes === undefined) return undefined;
    const { tenant, key, timerMs, cooldownUntilMs, partialCount, state } = decodeRuleKeyRow(bytes);
    const decoded = state.length === 0 ? active.machine.begin() : active.machine.load(state);
    const parts = { tenant, key, timerMs, cooldownUntilMs, partialCount, state: decoded };
    const measured = { bytes: bytes.length, measuredBytes: active.machine.bytesOf(decoded) };
    return this.hold(rowKey, { active, part, ...parts, ...measured, isDirty: false });
  }

  /** The state of a value of which nothing is known. */
  create(active: ActiveRule, part: string, whose: Pick<HeldKey, "tenant" | "key">): HeldKey {
    return this.hold(ruleStateKey(active.id, part), {
      ...{ active, part, tenant: whose.tenant, key: whose.key, state: active.machine.begin() },
      ...{ timerMs: undefined, cooldownUntilMs: undefined, partialCount: 0 },
      bytes: ROW_BYTES,
      measuredBytes: 0,
      isDirty: false,
    });
  }

  /** Says that a state changed and may need `bytes` more. */
  touch(held: HeldKey, bytes: number): void {
    const before = held.bytes;
    held.bytes += bytes;
    this.bytes += MEMORY_FACTOR * bytes;
    if (held.isDirty) {
      this.dirtyBytes += held.bytes - before;
      return;
    }
    held.isDirty = true;
    this.dirty.add(held);
    this.dirtyBytes += held.bytes;
  }

  /** Measures a state that may have become too large; false: it did. */
  fits(held: HeldKey): boolean {
    const { active, state, measuredBytes } = held;
    const entryBytes = active.machine.bytesOf(state);
    if (held.bytes + Math.max(0, entryBytes - measuredBytes) <= STATE_BYTES_MAX) return true;
    const bytes = active.machine.save(state).length + ROW_BYTES;
    this.touch(held, bytes - held.bytes);
    held.measuredBytes = entryBytes;
    return bytes <= STATE_BYTES_MAX;
  }

  /** Moves the timer of a state to the moment that matters next. */
  setTimer(held: HeldKey, lane: Lane, timerMs: number | undefined): void {
    if (held.timerMs === timerMs) return;
    const { active, part } = held;
    if (held.timerMs !== undefined) {
      this.overlay.set(ruleTimerKey(lane, held.timerMs, active.id, part), undefined);
    }
    if (timerMs !== undefined) {
      this.overlay.set(ruleTimerKey(lane, timerMs, active.id, part), TIMER_VALUE);
    }
    held.timerMs = timerMs;
  }

  /** Forgets a value of which nothing is known any more; its timer must be gone. */
  remove(held: HeldKey): void {
    const rowKey = ruleStateKey(held.active.id, held.part);
    if (held.isDirty) this.dirtyBytes -= held.bytes;
    this.dirty.delete(held);
    this.drop(rowKey, held);
    this.overlay.set(rowKey, undefined);
  }

  /** Puts the rows of all states that changed into the overlay. */
  write(): void {
    for (const held of this.dirty) {
      const { active, part, state, tenant, key, timerMs, cooldownUntilMs, partialCount } = held;
      const saved = partialCount === 0 ? Buffer.alloc(0) : active.machine.save(state);
      const parts = { tenant, key, timerMs, cooldownUntilMs, partialCount };
      const row = encodeRuleKeyRow({ ...parts, state: saved });
      this.overlay.set(ruleStateKey(active.id, part), row);
      this.bytes += MEMORY_FACTOR * (row.length - held.bytes);
      held.bytes = row.length;
      held.measuredBytes = active.machine.bytesOf(state);
      held.isDirty = false;
    }
    this.dirty.clear();
    this.dirtyBytes = 0;
  }

  /** Forgets the states that were not used for longest, as far as memory asks for it. Call it when everything is committed. */
  settle(): void {
    for (const [rowKey, held] of this.held) {
      if (this.bytes <= CACHE_BYTES_MAX) return;
      if (!held.isDirty) this.drop(rowKey, held);
    }
  }

  private hold(rowKey: string, held: HeldKey): HeldKey {
    this.held.set(rowKey, held);
    this.bytes += HELD_BYTES + MEMORY_FACTOR * held.bytes;
    return held;
  }

  private drop(rowKey: string, held: HeldKey): void {
    this.held.delete(rowKey);
    this.bytes -= HELD_BYTES + MEMORY_FACTOR * held.bytes;
  }
}

const TIMER_VALUE: Buffer = Buffer.of(1);
