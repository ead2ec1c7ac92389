import { dimensionsKey } from "../../shared/aggregates/dimensions.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { Transition } from "../alerts/alert-life.ts";
import type { StateView } from "../log/log.ts";
import type { Evidence, Subject } from "../rules/threshold-alert.ts";
import { AGENTS_STREAM, SELF_STREAM, type ThresholdRule } from "../rules/threshold-rule.ts";
import { makeSeries, windowKey } from "../state/keys.ts";
import { readWindows, type StoredWindow } from "../state/read-windows.ts";
import { decodeWindowRow, mergeContent, type WindowRow } from "../state/window-row.ts";
import { windowText } from "../state/window-text.ts";

/** Minutes of a breach that are looked at for what an alert tells. */
const EVIDENCE_MINUTES_MAX = 60;
const APART_COUNT_MAX = 10_000;

/** Where windows are read, and where people find them. */
export interface EvidenceParts {
  readonly view: StateView;
  readonly externalUrl: string | undefined;
}

/** What is known of an episode beside the window that decided: all its windows as one, and where people look at them. */
export function evidenceOf(
  { view, externalUrl }: EvidenceParts,
  { subject, rule }: { readonly subject: Subject; readonly rule: ThresholdRule },
  { sinceMs, atMs }: Transition,
): Evidence {
  if (subject.stream === SELF_STREAM) {
    return { window: undefined, link: externalUrl && `${externalUrl}/metrics` };
  }
  if (subject.stream === AGENTS_STREAM) {
    const agent = encodeURIComponent(subject.service);
    return { window: undefined, link: externalUrl && `${externalUrl}/v1/agents?agent=${agent}` };
  }
  const to = Math.floor(atMs / MINUTE_MS);
  const minutesMax = Math.max(EVIDENCE_MINUTES_MAX, rule.widthMinutes);
  const from = Math.max(Math.floor(sinceMs / MINUTE_MS), to - minutesMax);
  const found =
    subject.dimensions === undefined
      ? joinMinutes(view, subject, { from, to: Math.max(from + 1, to) })
      : lastApart(view, subject, {
          minute: to - rule.widthMinutes,
          widthMinutes: rule.widthMinutes,
        });
  const text = found && windowText(found, undefined);
  const query = new URLSearchParams({
    stream: subject.stream,
    service: subject.service,
    ...(subject.dimensions === undefined ? {} : { by: Object.keys(subject.dimensions).join(",") }),
    from: new Date(sinceMs - 10 * MINUTE_MS).toISOString(),
    to: new Date(atMs + 10 * MINUTE_MS).toISOString(),
  });
  return {
    window: text === undefined ? undefined : objectOf(text),
    link: externalUrl && `${externalUrl}/v1/windows?${query.toString()}`,
  };
}

/** An object of JSON without what tells of the window as a whole and is not the breach's. */
function objectOf(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) return {};
  const {
    state: _state,
    revision: _revision,
    stream: _stream,
    service: _service,
    ...rest
  } = {
    ...{ state: 0, revision: 0, stream: 0, service: 0 },
    ...value,
  };
  return rest;
}

/** The last window of the breach of one value of dimensions. */
function lastApart(
  view: StateView,
  subject: Subject,
  { minute, widthMinutes }: { readonly minute: number; readonly widthMinutes: number },
): StoredWindow | undefined {
  const { tenant, stream, service, dimensions = {} } = subject;
  const { windows } = readWindows([view], {
    ...{ tenant, stream, service, by: Object.keys(dimensions), limit: APART_COUNT_MAX },
    ...{ fromMinute: minute, toMinute: minute + 1, stepMinutes: widthMinutes, after: undefined },
  });
  const key = dimensionsKey(dimensions);
  return windows.find((window) => dimensionsKey(window.dimensions ?? {}) === key);
}

/** The windows of some minutes as one, wherever they begin; undefined when none has data. */
function joinMinutes(
  view: StateView,
  subject: Subject,
  { from, to }: { readonly from: number; readonly to: number },
): StoredWindow | undefined {
  const { tenant, stream, service } = subject;
  const { key } = makeSeries(tenant, stream, service);
  let joined: WindowRow | undefined;
  for (const [, bytes] of view.range(windowKey(key, from), windowKey(key, to))) {
    const row = decodeWindowRow(bytes);
    if (joined === undefined) joined = row;
    else mergeContent(joined, row);
  }
  if (joined === undefined) return undefined;
  const { state, revision, aggregate, contributors } = joined;
  const names = { tenant, stream, service, minute: from, windowMinutes: to - from };
  return { ...names, state, revision, aggregate, contributors: contributors.list() };
}
