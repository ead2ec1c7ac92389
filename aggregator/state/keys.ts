/**
 * The keys of stored state: printable ASCII, parts joined by `/`, the kind of row first, then the tenant.
 *
 * ```text
 * agent/TENANT/AGENT                        an agent: fence, mark, sources (agent-row)
 * alert/NUMBER                              a revision of an alert, in the order in which they came (alert-row)
 * alert-id/ID                               the number of an alert's newest revision
 * alert-kept/TIME/NUMBER                    which old alerts are kept since they fire or changed, and when they are looked at again
 * alert-open/ID                             which alerts of threshold rules fire
 * alert-time/TIME/NUMBER                    which alerts there are, by event time
 * archive                                   stage 2: how much waits to be archived (archive-rows)
 * archive-block/BLOCK/POSITION              what waits to be archived, in the order in which it came
 * audit/NUMBER                              what people changed, the newest only
 * checkpoint/TENANT/AGENT/FILE              how far a file has been read
 * collect                                   stage 1: clock, watermark, counters
 * change/NUMBER                             the window or roll-up that has this change number, newest only
 * digest/TENANT/AGENT/SLOT                  digest of a record, a ring
 * hole/NUMBER                               a gap in the events of a stream (rule-rows)
 * late/SLOT                                 an event that came too late for the rules, a ring (late-row)
 * inlet/TENANT/SOURCE/PLACE                 a way in without an agent: position, counters, ledger (inlet-row)
 * ledger/TENANT/AGENT                       an agent's cumulative ledger
 * line/NUMBER                               a raw line, in the order in which they came (line-row)
 * line-time/TIME/ID                         the raw lines, by event time
 * lines                                     stage 2: how many raw lines there are
 * letter/TENANT/SOURCE/PLACE/NUMBER         a record of an inlet that is no event
 * minute/TENANT/STREAM/MINUTE/SERVICE       which windows there are, by time
 * patterns                                  stage 2: numbers of alerts, holes and late events
 * partial                                   how much of a group of log records that needs several commits is done
 * process                                   stage 2: watermarks, change number, counters
 * request/TENANT/SOURCE/KEY                 a request that was counted, by its idempotency key
 * request-slot/TENANT/SOURCE/SLOT           the key of such a request, a ring
 * restored                                  when the state was restored from a backup (restored-row)
 * rollup/WIDTH/TENANT/STREAM/SERVICE/MINUTE a roll-up of so many minutes (window-row)
 * rollup-minute/WIDTH/TENANT/STREAM/MINUTE/SERVICE  which roll-ups there are, by time
 * rule/RULE                                 a version of a rule: since when it runs, counters (rule-rows)
 * rule-drop/TENANT/RULE/REASON              what a bound made a rule drop (rule-drop-row)
 * rule-key/RULE/KEY                         what a rule knows of one value of its key
 * rule-timer/LANE/TIME/RULE/KEY             when time matters to that next
 * service/TENANT/STREAM/SERVICE             which services there are; the value holds the names
 * silence/TENANT/ID                         a silence
 * threshold/RULE/KEY                        what a threshold rule knows of one service (threshold-rows)
 * threshold-count/RULE                      what happened to a threshold rule so far
 * threshold-due/TIME/WIDTH/SERVICE          a service whose window of so many minutes ends then, and is read by threshold rules
 * threshold-now/NUMBER                      a window that threshold rules look at again, or before it is final
 * threshold-timer/TIME/RULE/KEY             when silence of a service matters next
 * waiting/LANE/PLACE/FIELD                  an event that waits for the watermark, in the order of events
 * window/TENANT/STREAM/SERVICE/MINUTE       a window (window-row)
 * ```
 *
 * SERVICE of windows that are kept apart by dimensions is followed by `&` and a hash of these, so that they stand behind the service's own.
 *
 * Names are escaped as in a URL. An escaped name longer than {@link PART_LENGTH_MAX} is cut and ends with `$` and a hash, so that a key
 * fits into every store; `$` never stands in an escaped name. The real names then stand in the row.
 */
import { createHash } from "node:crypto";
import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
} from "../../shared/aggregates/dimensions.ts";
import { assert } from "../../shared/assert.ts";

/** Longest escaped name in a key: three of them, a hash and the rest stay below the 511 bytes of LMDB's smallest limit. */
export const PART_LENGTH_MAX = 140;
const PART_LENGTH_KEPT = 107;

/** Largest distance of a minute from the epoch that a batch may name. */
export const MINUTE_MAX: number = 2 ** 40;
const MINUTE_OFFSET = 5e12;
/** What a date can show. */
const TIME_MS_MAX = 8.64e15;
const NUMBER_OFFSET = 1e15;

const WINDOW_KEY = /^(?:window|rollup\/(\d+))\/(.*)\/(\d+)$/;

/** Sorts after every key that continues the same prefix with `/`. */
const AFTER_SLASH = "0";

/** Half-open range of keys. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** A name as part of a key. */
export function keyPart(name: string): string {
  const escaped = encodeURIComponent(name.toWellFormed());
  if (escaped.length <= PART_LENGTH_MAX) return escaped;
  return `${escaped.slice(0, PART_LENGTH_KEPT)}$${hashOf(escaped)}`;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** The name that a part of a key stands for; undefined when it was cut, or is that of windows with dimensions. */
export function nameOfKeyPart(part: string): string | undefined {
  return /[$&]/.test(part) ? undefined : decodeURIComponent(part);
}

/** Stands in no escaped name. */
const DIMENSIONS_MARK = "&";
/** The next character. */
const AFTER_DIMENSIONS_MARK = "'";

/** True for the part of windows that are kept apart by dimensions. */
export function isApart(servicePart: string): boolean {
  return servicePart.includes(DIMENSIONS_MARK);
}

/** The keys of windows that are kept apart, of the service whose key this is. */
export function apartRange(key: string): KeyRange {
  return { from: key + DIMENSIONS_MARK, to: key + AFTER_DIMENSIONS_MARK };
}

/** The part of the service's own windows, without dimensions. */
export function partOfService(servicePart: string): string {
  const at = servicePart.indexOf(DIMENSIONS_MARK);
  return at < 0 ? servicePart : servicePart.slice(0, at);
}

/** The parts of a series' keys. */
export interface SeriesKey {
  /** `TENANT/STREAM` */
  readonly streamKey: string;
  readonly servicePart: string;
  /** `TENANT/STREAM/SERVICE` */
  readonly key: string;
}

/** A series of windows: its names and the parts of its keys. */
export interface Series extends SeriesKey {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  readonly dimensions: Dimensions;
  /** The series of the whole service, when this one has dimensions. */
  readonly whole: Series | undefined;
}

/** The series of (tenant, stream, service, dimensions). */
export function makeSeries(
  tenant: string,
  stream: string,
  service: string,
  dimensions: Dimensions = DIMENSIONS_NONE,
): Series {
  const names = { tenant, stream, service, dimensions };
  const streamKey = `${keyPart(tenant)}/${keyPart(stream)}`;
  const part = keyPart(service);
  const apart = dimensionsKey(dimensions);
  if (apart === "") {
    return {
      ...names,
      whole: undefined,
      streamKey,
      servicePart: part,
      key: `${streamKey}/${part}`,
    };
  }
  const whole = makeSeries(tenant, stream, service);
  const servicePart = part + DIMENSIONS_MARK + hashOf(apart);
  return { ...names, whole, streamKey, servicePart, key: `${streamKey}/${servicePart}` };
}

/** A minute since the epoch, possibly negative, as text that sorts like the number. */
export function minutePart(minute: number): string {
  assert(Math.abs(minute) <= MINUTE_MAX, `minute ${minute} is out of range`);
  return String(minute + MINUTE_OFFSET);
}

/** The minute of {@link minutePart}. */
export function minuteOfPart(part: string): number {
  return Number(part) - MINUTE_OFFSET;
}

/** An integer in [0, 10^15) as text that sorts like the number. */
export function numberPart(value: number): string {
  return String(value + NUMBER_OFFSET);
}

/** The number of {@link numberPart}. */
export function numberOfPart(part: string): number {
  return Number(part) - NUMBER_OFFSET;
}

/** A time within ±8.64e15 ms of the epoch as text that sorts like the number. */
export function timePart(timeMs: number): string {
  assert(Math.abs(timeMs) <= TIME_MS_MAX, `time ${timeMs} is out of range`);
  const isBefore = timeMs < 0;
  return `${isBefore ? 0 : 1}${String(isBefore ? timeMs + TIME_MS_MAX : timeMs).padStart(16, "0")}`;
}

/** The time of {@link timePart}. */
export function timeOfPart(part: string): number {
  const value = Number(part.slice(1));
  return part.startsWith("0") ? value - TIME_MS_MAX : value;
}

/** First part of the keys of windows of so many minutes: the width of a minute, or of a roll-up. */
export function windowKind(widthMinutes: number): string {
  return widthMinutes === 1 ? "window" : `rollup/${widthMinutes}`;
}

/** First part of the keys in the index by time of windows of so many minutes. */
export function indexKind(widthMinutes: number): string {
  return widthMinutes === 1 ? "minute" : `rollup-minute/${widthMinutes}`;
}

/** Key of a window's row. */
export function windowKey(seriesKey: string, minute: number, widthMinutes = 1): string {
  return `${windowKind(widthMinutes)}/${seriesKey}/${minutePart(minute)}`;
}

/** What the key of a window's row says; undefined for other keys. */
export function parseWindowKey(
  key: string,
):
  | { readonly seriesKey: string; readonly minute: number; readonly widthMinutes: number }
  | undefined {
  const parts = WINDOW_KEY.exec(key);
  if (parts === null) return undefined;
  const [, width = "1", seriesKey = "", minute = ""] = parts;
  return { seriesKey, minute: minuteOfPart(minute), widthMinutes: Number(width) };
}

/** Key of a window in the index by time. */
export function minuteKey(
  streamKey: string,
  minute: number,
  servicePart: string,
  widthMinutes = 1,
): string {
  return `${indexKind(widthMinutes)}/${streamKey}/${minutePart(minute)}/${servicePart}`;
}

/** Key of a service in the index of services. */
export function serviceKey(seriesKey: string): string {
  return `service/${seriesKey}`;
}

/** Key of a window in the index of changes. */
export function changeKey(changeNumber: number): string {
  return `change/${numberPart(changeNumber)}`;
}

/** Key of an agent's row. */
export function agentKey(tenant: string, agent: string): string {
  return `agent/${keyPart(tenant)}/${keyPart(agent)}`;
}

/** Key of an agent's ledger. */
export function ledgerKey(tenant: string, agent: string): string {
  return `ledger/${keyPart(tenant)}/${keyPart(agent)}`;
}

/** Prefix of an agent's checkpoints, with the slash at its end. */
export function checkpointPrefix(tenant: string, agent: string): string {
  return `checkpoint/${keyPart(tenant)}/${keyPart(agent)}/`;
}

/** Prefix of an agent's digests, with the slash at its end. */
export function digestPrefix(tenant: string, agent: string): string {
  return `digest/${keyPart(tenant)}/${keyPart(agent)}/`;
}

/** Key of an alert. */
export function alertKey(number: number): string {
  return `alert/${numberPart(number)}`;
}

/** Key of an alert in the index by event time. */
export function alertTimeKey(timeMs: number, number: number): string {
  return `alert-time/${timePart(timeMs)}/${numberPart(number)}`;
}

/** Key of a moment at which an alert that outlives its retention is looked at again. */
export function alertKeptKey(timeMs: number, number: number): string {
  return `alert-kept/${timePart(timeMs)}/${numberPart(number)}`;
}

/** Prefix of raw lines by time, with the slash at its end. */
export const LINE_TIME_PREFIX = "line-time/";

/** Key of a raw line; an empty id is before all of its time. */
export function lineTimeKey(timeMs: number, id: string): string {
  return `${LINE_TIME_PREFIX}${timePart(timeMs)}/${id}`;
}

/** Key of a raw line by its number. */
export function lineKey(number: number): string {
  return `line/${numberPart(number)}`;
}

/** Key of stage 2's row about raw lines. */
export const LINES_KEY = "lines";

/** Key of the number of an alert's newest revision. */
export function alertIdKey(id: string): string {
  return `alert-id/${keyPart(id)}`;
}

/** Key that says that an alert fires. */
export function alertOpenKey(id: string): string {
  return `alert-open/${keyPart(id)}`;
}

/** Key of an entry of the audit log. */
export function auditKey(number: number): string {
  return `audit/${numberPart(number)}`;
}

/** Key of a silence. */
export function silenceKey(tenant: string, id: string): string {
  return `${silencePrefix(tenant)}${keyPart(id)}`;
}

/** Prefix of a tenant's silences, with the slash at its end. */
export function silencePrefix(tenant: string): string {
  return `silence/${keyPart(tenant)}/`;
}

/** Key of what a threshold rule knows of a service. */
export function thresholdKey(rule: string, part: string): string {
  return `threshold/${rule}/${part}`;
}

/** Key of a moment at which silence of a service matters. */
export function thresholdTimerKey(timeMs: number, rule: string, part: string): string {
  return `threshold-timer/${timePart(timeMs)}/${rule}/${part}`;
}

/** Key of what happened to a threshold rule. */
export function thresholdCountKey(rule: string): string {
  return `threshold-count/${rule}`;
}

/** Key of a window that threshold rules read when it is over. */
export function thresholdDueKey(timeMs: number, widthMinutes: number, part: string): string {
  return `threshold-due/${timePart(timeMs)}/${widthMinutes}/${part}`;
}

/** Key of a window that threshold rules look at at once. */
export function thresholdNowKey(number: number): string {
  return `threshold-now/${numberPart(number)}`;
}

/** Key of stage 2's row about the archive. */
export const ARCHIVE_KEY = "archive";

/** Prefix of what waits in a block to be archived, with the slash at its end. */
export function archiveBlockPrefix(block: number): string {
  return `archive-block/${numberPart(block)}/`;
}

/** Key of items in a block to be archived; `position` is that of the first. */
export function archiveBlockKey(block: number, position: number): string {
  return archiveBlockPrefix(block) + numberPart(position);
}

/** Key of a gap. */
export function holeKey(number: number): string {
  return `hole/${numberPart(number)}`;
}

/** Key of a late event. */
export function lateKey(slot: number): string {
  return `late/${numberPart(slot)}`;
}

/** Key of a version of a rule. */
export function ruleKey(rule: string): string {
  return `rule/${rule}`;
}

/** Key of what a rule knows of one value of its key. */
export function ruleStateKey(rule: string, part: string): string {
  return `rule-key/${rule}/${part}`;
}

/** Key of a moment that matters to one value of a rule's key. */
export function ruleTimerKey(lane: Lane, timeMs: number, rule: string, part: string): string {
  return `rule-timer/${lane}/${timePart(timeMs)}/${rule}/${part}`;
}

/**
 * Key of a waiting event. `place` is its place in the order of events and `field` the name of the field by which it is keyed here: the same
 * event can wait under several. The hash of a long name keeps the key short.
 */
export function waitingKey(lane: Lane, place: string, field: string): string {
  const part = encodeURIComponent(field.toWellFormed());
  return `waiting/${lane}/${place}/${part.length <= 40 ? part : hashOf(part)}`;
}

/** Where events come from: `events` from agents, `metrics` from windows that became final. Each has a watermark of its own. */
export type Lane = "events" | "metrics";

/** Key of stage 2's row about rules. */
export const PATTERNS_KEY = "patterns";

/** Key of an inlet's row. */
export function inletKey(tenant: string, source: string, place: string): string {
  return `inlet/${inletPart(tenant, source, place)}`;
}

/** Prefix of an inlet's dead letters, with the slash at its end. */
export function letterPrefix(tenant: string, source: string, place: string): string {
  return `letter/${inletPart(tenant, source, place)}/`;
}

/** Key of a request that was counted. `key` as its sender named it. */
export function requestKey(tenant: string, source: string, key: string): string {
  return `request/${keyPart(tenant)}/${keyPart(source)}/${keyPart(key)}`;
}

/** Key of a slot in the ring of counted requests. */
export function requestSlotKey(tenant: string, source: string, slot: number): string {
  return `request-slot/${keyPart(tenant)}/${keyPart(source)}/${numberPart(slot)}`;
}

function inletPart(tenant: string, source: string, place: string): string {
  return `${keyPart(tenant)}/${keyPart(source)}/${keyPart(place)}`;
}

/** Key of stage 1's own row. */
export const COLLECT_KEY = "collect";

/** Key of stage 2's own row. */
export const PROCESS_KEY = "process";

/** Key of the row that says how much of an unfinished group is committed. */
export const PARTIAL_KEY = "partial";

/** All keys that begin with `prefix`, which ends with a slash. */
export function rangeOf(prefix: string): KeyRange {
  assert(prefix.endsWith("/"), `prefix ${prefix} does not end with a slash`);
  return { from: prefix, to: prefix.slice(0, -1) + AFTER_SLASH };
}

/** The first key after all that continue `key` with a slash. */
export function afterChildren(key: string): string {
  return key + AFTER_SLASH;
}
