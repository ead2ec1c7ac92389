/** Alerts of one message: those whose labels are the same in the names that a sink groups by; in the form of Alertmanager's webhook. */
import { labelsOf } from "../alerts/alert-record.ts";
import type { Labels } from "../alerts/matchers.ts";
import { alertmanagerAlert } from "./alertmanager-alert.ts";
import type { AlertResult } from "./sink.ts";

/** Alerts that become one message. */
export interface AlertGroup {
  /** Names the group; the same for the same labels. */
  readonly key: string;
  readonly labels: Labels;
  /** In the order in which they came; of one alert the newest revision. */
  readonly alerts: readonly AlertResult[];
  /** Places of all that it answers for, older revisions among them. */
  readonly indexes: readonly number[];
}

interface OpenGroup {
  readonly labels: Labels;
  readonly newest: Map<string, AlertResult>;
  readonly indexes: number[];
}

/** Puts alerts together by labels; one that is absent is empty. */
export function groupAlerts(
  results: readonly (readonly [index: number, alert: AlertResult])[],
  by: readonly string[],
): AlertGroup[] {
  const groups = new Map<string, OpenGroup>();
  for (const [index, alert] of results) {
    const all = labelsOf(alert.json);
    const labels = Object.fromEntries(by.map((name) => [name, all[name] ?? ""]));
    const key = JSON.stringify(labels);
    const group: OpenGroup = groups.get(key) ?? { labels, newest: new Map(), indexes: [] };
    groups.set(key, group);
    group.newest.set(alert.id, alert);
    group.indexes.push(index);
  }
  return [...groups].map(([key, { labels, newest, indexes }]) => {
    return { key, labels, alerts: [...newest.values()], indexes };
  });
}

/** A group as Alertmanager's webhook posts it (version 4 of its payload). `receiver` is the sink; matches end at once. */
export function groupMessage({ key, labels, alerts }: AlertGroup, receiver: string) {
  const shown = alerts.map((alert) => {
    const isOver = alert.state === "resolved";
    // What fires has no end yet, which is the zero time there.
    const { endsAt, ...rest } = alertmanagerAlert(alert, { firingMs: 0, matchMs: 0 });
    return {
      status: isOver ? "resolved" : "firing",
      ...rest,
      endsAt: isOver ? endsAt : "0001-01-01T00:00:00Z",
      fingerprint: alert.id,
    };
  });
  const [first] = shown;
  const common = Object.entries(first?.labels ?? {}).filter(([name, value]) =>
    shown.every((one) => one.labels[name] === value),
  );
  return {
    ...{ version: "4", groupKey: key, receiver, truncatedAlerts: 0 },
    status: shown.some(({ status }) => status === "firing") ? "firing" : "resolved",
    groupLabels: labels,
    commonLabels: Object.fromEntries(common),
    commonAnnotations: {},
    externalURL: "",
    alerts: shown,
  };
}
