import type { Alert } from "../rules/make-alert.ts";
import { type AlertRow, decodeAlertRow, encodeAlertRow } from "../state/alert-row.ts";
import { alertIdKey, alertKey, alertOpenKey, alertTimeKey, numberOfPart } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import { findAlert } from "../state/read-alerts.ts";
import { revisionBase } from "../state/restored-row.ts";
import type { PatternsRow } from "../state/rule-rows.ts";
import { decodeNumberRow, encodeNumberRow } from "../state/threshold-rows.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;
const INDEX_PREFIX = "alert-time/";
const INDEX_VALUE: Buffer = Buffer.of(1);

/** What a revision says beside the alert itself. */
export type Revision = Pick<AlertRow, "state" | "revision" | "isSuppressed">;

/** The alerts that were raised: revisions, appended under rising numbers, which sinks walk, and deleted by event time. */
export class AlertRows {
  private readonly overlay: Overlay;
  private readonly row: PatternsRow;
  private readonly byTime: TimeQueue;
  private readonly revisionBase: number;

  /** `row` gives the numbers. */
  constructor(overlay: Overlay, row: PatternsRow) {
    this.overlay = overlay;
    this.row = row;
    this.byTime = new TimeQueue(overlay, INDEX_PREFIX);
    this.revisionBase = revisionBase(overlay);
  }

  /** The revision that follows an alert's newest one, or its first: higher than any that stores have, also after a restore. */
  revisionAfter(newest: Pick<AlertRow, "revision"> | undefined): number {
    return Math.max((newest?.revision ?? 0) + 1, this.revisionBase);
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
    this.overlay.set(alertTimeKey(timestampMs, number), INDEX_VALUE);
    this.byTime.note(timestampMs);
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

  /** True when an alert is of an event time before `timeMs`. */
  hasBefore(timeMs: number): boolean {
    return this.byTime.isDue(timeMs - 1);
  }

  /** Deletes alerts of event times before `timeMs` until `isFull`. */
  deleteBefore(timeMs: number, isFull: () => boolean): void {
    while (this.hasBefore(timeMs)) {
      for (const [key] of this.byTime.page(timeMs - 1, PAGE_COUNT)) {
        if (isFull()) return;
        this.delete(numberOfPart(key.slice(key.lastIndexOf("/") + 1)));
        this.byTime.take(key);
      }
    }
  }

  private delete(number: number): void {
    const bytes = this.overlay.get(alertKey(number));
    if (bytes === undefined) return;
    const { id } = decodeAlertRow(bytes);
    const newest = this.overlay.get(alertIdKey(id));
    if (newest !== undefined && decodeNumberRow(newest) === number) {
      this.overlay.set(alertIdKey(id), undefined);
      this.overlay.set(alertOpenKey(id), undefined);
    }
    this.overlay.set(alertKey(number), undefined);
  }
}
