import { lastChangeMs } from "../alerts/alert-record.ts";
import type { Alert } from "../rules/make-alert.ts";
import { type AlertRow, decodeAlertRow, encodeAlertRow } from "../state/alert-row.ts";
import {
  alertIdKey,
  alertKeptKey,
  alertKey,
  alertOpenKey,
  alertTimeKey,
  numberOfPart,
} from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import { findAlert } from "../state/read-alerts.ts";
import type { PatternsRow } from "../state/rule-rows.ts";
import { decodeNumberRow, encodeNumberRow } from "../state/threshold-rows.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;
/** How often what fires and is old is looked at. */
const LOOK_MS = 86_400_000;
const INDEX_PREFIX = "alert-time/";
const KEPT_PREFIX = "alert-kept/";
const INDEX_VALUE: Buffer = Buffer.of(1);
/** In the index: another row says when the alert is to be looked at again. */
const KEPT_VALUE: Buffer = Buffer.of(2);

/** What a revision says beside the alert itself. */
export type Revision = Pick<AlertRow, "state" | "revision" | "isSuppressed">;

/**
 * The alerts that were raised: revisions, appended under rising numbers, which sinks walk, and deleted by event time. What fires stays however
 * old it is, and what changed since stays as long as if it had been raised then: its end must reach every sink.
 */
export class AlertRows {
  private readonly overlay: Overlay;
  private readonly row: PatternsRow;
  private readonly revisionBase: number;
  private readonly byTime: TimeQueue;
  private readonly kept: TimeQueue;
  /** Alerts of event times before it were deleted, or kept. */
  private oldestMs = Number.NEGATIVE_INFINITY;

  /** `row` gives the numbers; no revision is below `revisionBase`. */
  constructor(overlay: Overlay, row: PatternsRow, revisionBase = 0) {
    this.overlay = overlay;
    this.row = row;
    this.revisionBase = revisionBase;
    this.byTime = new TimeQueue(overlay, INDEX_PREFIX);
    this.kept = new TimeQueue(overlay, KEPT_PREFIX);
  }

  /** The revision that follows that of `before`; undefined: the first. */
  nextRevision(before: Pick<AlertRow, "revision"> | undefined): number {
    return Math.max((before?.revision ?? 0) + 1, this.revisionBase);
  }

  /** Appends a revision of an alert and returns its bytes. */
  append(tenant: string, alert: Alert, revision: Revision): number {
    const { id, rule, alertType, severity, timestampMs, json } = alert;
    const number = ++this.row.alertNumber;
    const row = encodeAlertRow({
      ...{ tenant, id, rule, alertType, severity, timestampMs, json },
      ...revision,
    });
    this.overlay.set(alertKey(number), row);
    this.overlay.set(alertIdKey(id), encodeNumberRow(number));
    if (timestampMs < this.oldestMs) {
      // The queue is past it.
      this.keep({ timestampMs, number }, lastChangeMs(json));
    } else {
      this.overlay.set(alertTimeKey(timestampMs, number), INDEX_VALUE);
      this.byTime.note(timestampMs);
    }
    return row.length;
  }

  /** The newest revision of an alert; undefined when there is none, or of an older format. */
  find(id: string): AlertRow | undefined {
    return findAlert(this.overlay, id);
  }

  /** Deletes the newest revision of an alert, which no sink was given. */
  remove(id: string): void {
    const bytes = this.overlay.get(alertIdKey(id));
    const alert = this.find(id);
    if (bytes === undefined || alert === undefined) return;
    const number = decodeNumberRow(bytes);
    this.overlay.set(alertKey(number), undefined);
    this.overlay.set(alertTimeKey(alert.timestampMs, number), undefined);
    this.overlay.set(alertIdKey(id), undefined);
  }

  /** True when an alert of an event time before `timeMs` is to be deleted. */
  hasBefore(timeMs: number): boolean {
    return this.byTime.isDue(timeMs - 1) || this.kept.isDue(timeMs - 1);
  }

  /** Deletes alerts of event times before `timeMs` until `isFull`. */
  deleteBefore(timeMs: number, isFull: () => boolean): void {
    this.oldestMs = Math.max(this.oldestMs, timeMs);
    while (this.byTime.isDue(timeMs - 1)) {
      for (const [key, value] of this.byTime.page(timeMs - 1, PAGE_COUNT)) {
        if (isFull()) return;
        if (value.equals(KEPT_VALUE)) this.byTime.pass(key);
        else if (this.deleteUnlessAlive(numberIn(key), timeMs)) this.byTime.take(key);
        else this.byTime.pass(key);
      }
    }
    while (this.kept.isDue(timeMs - 1)) {
      for (const [key] of this.kept.page(timeMs - 1, PAGE_COUNT)) {
        if (isFull()) return;
        this.kept.take(key);
        this.deleteUnlessAlive(numberIn(key), timeMs);
      }
    }
  }

  /** Deletes a revision; false: it is the newest of an alert that fires, or changed after `oldestMs`, and is kept. */
  private deleteUnlessAlive(number: number, oldestMs: number): boolean {
    const bytes = this.overlay.get(alertKey(number));
    if (bytes === undefined) return true;
    const { id, timestampMs, json } = decodeAlertRow(bytes);
    const newest = this.overlay.get(alertIdKey(id));
    if (newest !== undefined && decodeNumberRow(newest) === number) {
      const isOpen = this.overlay.get(alertOpenKey(id)) !== undefined;
      const changedMs = lastChangeMs(json);
      if (isOpen || (changedMs ?? oldestMs) > oldestMs) {
        this.keep({ timestampMs, number }, isOpen ? undefined : changedMs);
        return false;
      }
      this.overlay.set(alertIdKey(id), undefined);
    }
    this.overlay.set(alertKey(number), undefined);
    this.overlay.set(alertTimeKey(timestampMs, number), undefined);
    return true;
  }

  /** Has a revision looked at again when what was told at `changedMs` is too old; undefined: it fires, and its end will be another revision. */
  private keep(
    { timestampMs, number }: { readonly timestampMs: number; readonly number: number },
    changedMs: number | undefined,
  ): void {
    const dueMs = Math.max(changedMs ?? this.oldestMs + LOOK_MS, this.oldestMs);
    this.overlay.set(alertTimeKey(timestampMs, number), KEPT_VALUE);
    this.overlay.set(alertKeptKey(dueMs, number), INDEX_VALUE);
    this.kept.note(dueMs);
  }
}

function numberIn(key: string): number {
  return numberOfPart(key.slice(key.lastIndexOf("/") + 1));
}
