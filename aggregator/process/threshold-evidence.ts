import { MINUTE_MS } from "../../shared/time/window.ts";
import type { Transition } from "../alerts/alert-life.ts";
import type { StateView } from "../log/log.ts";
import type { Evidence, Subject } from "../rules/threshold-alert.ts";
import { SELF_STREAM } from "../rules/threshold-rule.ts";
import { makeSeries, windowKey } from "../state/keys.ts";
import type { StoredWindow } from "../state/read-windows.ts";
import { decodeWindowRow, mergeContent, type WindowRow } from "../state/window-row.ts";
import { windowText } from "../state/window-text.ts";

/** Minutes of a breach that are looked at for what an alert tells. */
const EVIDENCE_MINUTES_MAX = 60;

/** Where windows are read, and where people find them. */
export interface EvidenceParts {
  readonly view: StateView;
  readonly externalUrl: string | undefined;
}

/** What is known of an episode beside the window that decided: all its windows as one, and where people look at them. */
export function evidenceOf(
  { view, externalUrl }: EvidenceParts,
  subject: Subject,
  { sinceMs, atMs }: Transition,
): Evidence {
  if (subject.stream === SELF_STREAM) {
    return { window: undefined, link: externalUrl && `${externalUrl}/metrics` };
  }
  const to = Math.floor(atMs / MINUTE_MS);
  const from = Math.max(Math.floor(sinceMs / MINUTE_MS), to - EVIDENCE_MINUTES_MAX);
  const found = joinMinutes(view, subject, { from, to: Math.max(from + 1, to) });
  const text = found && windowText(found, undefined);
  const query = new URLSearchParams({
    stream: subject.stream,
    service: subject.service,
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
