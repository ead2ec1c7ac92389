import type { Alert } from "../rules/make-alert.ts";
import { encodeAlertRow } from "../state/alert-row.ts";
import { alertKey, alertTimeKey, numberOfPart } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import type { PatternsRow } from "../state/rule-rows.ts";
import { TimeQueue } from "./time-queue.ts";

const PAGE_COUNT = 256;
const INDEX_PREFIX = "alert-time/";
const INDEX_VALUE: Buffer = Buffer.of(1);

/** The alerts that were raised: appended under rising numbers, which sinks walk, and deleted by event time. */
export class AlertRows {
  private readonly overlay: Overlay;
  private readonly row: PatternsRow;
  private readonly byTime: TimeQueue;

  /** `row` gives the numbers. */
  constructor(overlay: Overlay, row: PatternsRow) {
    this.overlay = overlay;
    this.row = row;
    this.byTime = new TimeQueue(overlay, INDEX_PREFIX);
  }

  /** Appends an alert and returns its bytes. */
  append(tenant: string, alert: Alert): number {
    const number = ++this.row.alertNumber;
    const row = encodeAlertRow({ tenant, ...alert });
    this.overlay.set(alertKey(number), row);
    this.overlay.set(alertTimeKey(alert.timestampMs, number), INDEX_VALUE);
    this.byTime.note(alert.timestampMs);
    return row.length;
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
        this.overlay.set(alertKey(numberOfPart(key.slice(key.lastIndexOf("/") + 1))), undefined);
        this.byTime.take(key);
      }
    }
  }
}
