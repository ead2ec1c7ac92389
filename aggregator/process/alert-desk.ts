/**
 * What people do to alerts, in stage 2: acknowledge and silence. Beside it, whom an alert notifies at all: nobody while a silence fits, or
 * while an alert fires that is its cause. When that changes, the alert gets a new revision, so that sinks hear of it.
 *
 * Silences begin and end by the log's clock. An operation is applied where it stands in the log, and every one leaves an entry of the audit log.
 */
import { isDeepStrictEqual } from "node:util";
import {
  changedText,
  isSuppressed,
  labelsOf,
  type Suppression,
  suppressedText,
  suppressionOf,
} from "../alerts/alert-record.ts";
import { type InhibitRule, inhibitorsOf, type OpenAlert } from "../alerts/inhibition.ts";
import { type Labels, matcherText, matches } from "../alerts/matchers.ts";
import { type AuditEntry, DONE, type Operation } from "../alerts/operation.ts";
import {
  type Silence,
  silenceSchema,
  silenceStatus,
  silencesOf,
  silenceTurnMs,
} from "../alerts/silence.ts";
import type { Alert } from "../rules/make-alert.ts";
import type { AlertRow } from "../state/alert-row.ts";
import { alertOpenKey, auditKey, numberOfPart, rangeOf, silenceKey } from "../state/keys.ts";
import type { Overlay } from "../state/overlay.ts";
import { decodeJsonRow, encodeJsonRow } from "../state/threshold-rows.ts";
import type { AlertRows } from "./alert-rows.ts";

/** As long as Alertmanager keeps them. */
const EXPIRED_KEPT_MS = 5 * 86_400_000;
const SILENCE_COUNT_MAX = 10_000;
const AUDIT_COUNT_MAX = 10_000;
/** Some hundred bytes each; all are forgotten beyond it. */
const OPEN_LABELS_MAX = 20_000;
const OPEN_VALUE: Buffer = Buffer.of(1);

interface HeldSilence {
  readonly tenant: string;
  readonly silence: Silence;
}

/** See the head of this file. It lives by the rules of {@link file://./stage-two.ts}. */
export class AlertDesk {
  private readonly overlay: Overlay;
  private readonly alerts: AlertRows;
  private readonly inhibitRules: readonly InhibitRule[];
  private readonly silences = new Map<string, HeldSilence>();
  /** Of alerts that fire, by id. */
  private readonly openLabels = new Map<
    string,
    { readonly tenant: string; readonly labels: Labels }
  >();
  private auditNumber: number;
  private nowMs = Number.NEGATIVE_INFINITY;
  /** What is suppressed may have changed; at the start nobody knows. */
  private isStale = true;

  constructor(overlay: Overlay, alerts: AlertRows, inhibitRules: readonly InhibitRule[]) {
    this.overlay = overlay;
    this.alerts = alerts;
    this.inhibitRules = inhibitRules;
    this.auditNumber = lastNumber(overlay, "audit/");
    const { from, to } = rangeOf("silence/");
    for (const [key, bytes] of overlay.range(from, to)) {
      const silence = decodeJsonRow(bytes, silenceSchema, "silence");
      this.silences.set(key, { tenant: decodeURIComponent(key.split("/")[1] ?? ""), silence });
    }
  }

  /** Moves the log's clock; never back. */
  observeClock(nowMs: number): void {
    if (nowMs <= this.nowMs) return;
    for (const { silence } of this.silences.values()) {
      if ((silenceTurnMs(silence, this.nowMs) ?? Number.POSITIVE_INFINITY) <= nowMs) {
        this.isStale = true;
      }
    }
    this.nowMs = nowMs;
  }

  /** The log's clock; -Infinity before the first entry. */
  get clockMs(): number {
    return this.nowMs;
  }

  /** What keeps an alert quiet that is about to be told. */
  suppression(tenant: string, id: string, json: string): Suppression {
    if (this.silences.size === 0 && this.inhibitRules.length === 0) return NOTHING;
    const labels = labelsOf(json);
    const isTarget = this.inhibitRules.some((rule) => matches(rule.targetMatchers, labels));
    return this.judge(tenant, { id, labels }, isTarget ? this.causes(tenant) : []);
  }

  /**
   * Tells an alert that is over when it is found: of one revision, which stays `firing` for people until they acknowledge it. Returns its bytes.
   */
  tell(tenant: string, alert: Alert): number {
    const suppression = this.suppression(tenant, alert.id, alert.json);
    const json = suppressedText(alert.json, suppression);
    const isQuiet = isSuppressed(suppression);
    const revision = this.alerts.nextRevision(undefined);
    const standing = { state: "firing", revision, isSuppressed: isQuiet } as const;
    return this.alerts.append(tenant, { ...alert, json }, standing);
  }

  /** Says that an alert fires; it may be the cause of others. */
  opened(id: string): void {
    this.overlay.set(alertOpenKey(id), OPEN_VALUE);
    if (this.inhibitRules.length > 0) this.isStale = true;
  }

  /** Says that an alert no longer fires. */
  closed(id: string): void {
    this.overlay.set(alertOpenKey(id), undefined);
    this.openLabels.delete(id);
    if (this.inhibitRules.length > 0) this.isStale = true;
  }

  /** Does what a person asked for, or writes down why not. */
  apply(tenant: string, operation: Operation): void {
    const { kind } = operation;
    if (kind === "acknowledge") {
      const { alert, comment } = operation;
      this.audit(operation, alert, comment, this.acknowledge(tenant, operation));
    } else if (kind === "silence") {
      const { matchers, endsAt, comment } = operation.silence;
      const detail = `${matchers.map(matcherText).join(", ")} until ${endsAt}: ${comment}`;
      const { id, result } = this.silence(tenant, operation);
      this.audit(operation, id, detail, result);
    } else {
      this.audit(operation, operation.silence, "", this.expire(tenant, operation.silence));
    }
  }

  /** True when what is suppressed is to be looked at. */
  get hasWork(): boolean {
    return this.isStale && Number.isFinite(this.nowMs);
  }

  /** Brings what alerts say of their suppression up to date until `isFull`. */
  run(isFull: () => boolean): void {
    if (!this.hasWork) return;
    this.forgetExpired();
    const open = this.openAlerts();
    const byTenant = Map.groupBy(open, ({ alert }) => alert.tenant);
    for (const { alert, labels, id } of open) {
      if (isFull()) return;
      const suppression = this.judge(
        alert.tenant,
        { id, labels },
        byTenant.get(alert.tenant) ?? [],
      );
      if (isDeepStrictEqual(suppression, suppressionOf(alert.json))) continue;
      const { state, tenant } = alert;
      const revision = this.alerts.nextRevision(alert);
      const text = changedText(alert.json, { state, revision, updatedMs: this.nowMs });
      const json = suppressedText(text, suppression);
      const standing = { state, revision, isSuppressed: isSuppressed(suppression) };
      this.alerts.append(tenant, { ...alert, json }, standing);
    }
    this.isStale = false;
  }

  private judge(tenant: string, alert: OpenAlert, open: Iterable<OpenAlert>): Suppression {
    const own = [...this.silences.values()].filter((held) => held.tenant === tenant);
    const silences = own.map(({ silence }) => silence);
    return {
      silencedBy: silencesOf(alert.labels, silences, this.nowMs),
      inhibitedBy: inhibitorsOf(alert, open, this.inhibitRules),
    };
  }

  private openAlerts(): (OpenAlert & { readonly alert: AlertRow })[] {
    return this.openIds().flatMap((id) => {
      const alert = this.alerts.find(id);
      return alert === undefined ? [] : [{ id, labels: labelsOf(alert.json), alert }];
    });
  }

  /** What may be the cause of a tenant's alerts. Labels never change, and many alerts fire at once. */
  private causes(tenant: string): OpenAlert[] {
    if (this.openLabels.size > OPEN_LABELS_MAX) this.openLabels.clear();
    return this.openIds().flatMap((id) => {
      let known = this.openLabels.get(id);
      if (known === undefined) {
        const alert = this.alerts.find(id);
        if (alert === undefined) return [];
        known = { tenant: alert.tenant, labels: labelsOf(alert.json) };
        this.openLabels.set(id, known);
      }
      return known.tenant === tenant ? [{ id, labels: known.labels }] : [];
    });
  }

  private openIds(): string[] {
    const { from, to } = rangeOf("alert-open/");
    return [...this.overlay.range(from, to)].map(([key]) => key.slice(from.length));
  }

  private acknowledge(
    tenant: string,
    { alert: id, by, comment }: Operation & { readonly kind: "acknowledge" },
  ): string {
    const alert = this.alerts.find(id);
    if (alert === undefined || alert.tenant !== tenant) return "there is no such alert";
    if (alert.state !== "firing") return `the alert is ${alert.state}`;
    const revision = this.alerts.nextRevision(alert);
    const acknowledged = { by, at: iso(this.nowMs), comment };
    const change = {
      state: "acknowledged",
      revision,
      updatedMs: this.nowMs,
      acknowledged,
    } as const;
    const json = changedText(alert.json, change);
    const { isSuppressed: isQuiet } = alert;
    this.alerts.append(
      tenant,
      { ...alert, json },
      { state: "acknowledged", revision, isSuppressed: isQuiet },
    );
    return DONE;
  }

  private silence(
    tenant: string,
    { silence: request, newId }: Operation & { readonly kind: "silence" },
  ): { readonly id: string; readonly result: string } {
    const known = request.id && this.silences.get(silenceKey(tenant, request.id))?.silence;
    if (request.id !== undefined && !known) {
      return { id: request.id, result: "there is no such silence" };
    }
    // What is over stays as it was: changing it makes a new one, as in Alertmanager.
    const before = known && silenceStatus(known, this.nowMs) !== "expired" ? known : undefined;
    const id = before?.id ?? newId;
    if (before === undefined && this.silences.size >= SILENCE_COUNT_MAX) {
      return { id, result: `there are ${SILENCE_COUNT_MAX} silences already` };
    }
    const askedMs = request.startsAt === undefined ? this.nowMs : Date.parse(request.startsAt);
    const startMs = before === undefined ? Math.max(askedMs, this.nowMs) : askedMs;
    const endMs = Date.parse(request.endsAt);
    if (endMs <= this.nowMs || endMs <= startMs) return { id, result: "its end is over already" };
    this.put(tenant, {
      id,
      matchers: request.matchers,
      startsAt: request.startsAt === undefined && before ? before.startsAt : iso(startMs),
      endsAt: iso(endMs),
      createdBy: request.createdBy,
      comment: request.comment,
      updatedAt: iso(this.nowMs),
    });
    return { id, result: DONE };
  }

  private expire(tenant: string, id: string): string {
    const silence = this.silences.get(silenceKey(tenant, id))?.silence;
    if (silence === undefined) return "there is no such silence";
    const status = silenceStatus(silence, this.nowMs);
    if (status === "expired") return "the silence is over already";
    const now = iso(this.nowMs);
    const startsAt = status === "pending" ? now : silence.startsAt;
    this.put(tenant, { ...silence, startsAt, endsAt: now, updatedAt: now });
    return DONE;
  }

  private put(tenant: string, silence: Silence): void {
    const key = silenceKey(tenant, silence.id);
    this.silences.set(key, { tenant, silence });
    this.overlay.set(key, encodeJsonRow(silence));
    this.isStale = true;
  }

  private forgetExpired(): void {
    for (const [key, { silence }] of this.silences) {
      if (Date.parse(silence.endsAt) > this.nowMs - EXPIRED_KEPT_MS) continue;
      this.silences.delete(key);
      this.overlay.set(key, undefined);
    }
  }

  private audit(operation: Operation, target: string, detail: string, result: string): void {
    const { kind: action, by, operationId } = operation;
    const entry: AuditEntry = {
      at: iso(this.nowMs),
      ...{ by, action, target, detail, result, operationId },
    };
    const number = ++this.auditNumber;
    this.overlay.set(auditKey(number), encodeJsonRow(entry));
    if (number > AUDIT_COUNT_MAX) this.overlay.set(auditKey(number - AUDIT_COUNT_MAX), undefined);
  }
}

const NOTHING: Suppression = { silencedBy: [], inhibitedBy: [] };

/** The number in the last key that begins with `prefix`; 0 when there is none. */
export function lastNumber(overlay: Overlay, prefix: string): number {
  const { from, to } = rangeOf(prefix);
  for (const [key] of overlay.range(from, to, { limit: 1, reverse: true })) {
    return numberOfPart(key.slice(from.length));
  }
  return 0;
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
