/**
 * Logs of OpenTelemetry as events: the resource's `service.name` is the service, the severity the level, the body the message; attributes are fields
 * under their own names, and `duration` or `duration_ms` among them the duration.
 */
import { BYTES, createWriter, finish, tag, VARINT } from "../../shared/protocol/wire.ts";

/** One record of a request, as both encodings say it. */
export interface OtlpRecord {
  /** Nanoseconds since the Unix epoch; 0 when not known. */
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The records of one resource. */
export interface OtlpResource {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly records: readonly OtlpRecord[];
}

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
/** Severity numbers of one level, from 1 on. */
const NUMBERS_PER_LEVEL = 4;
const NS_PER_MS = 1_000_000n;

/** The events of a request, in its order; what has no time lacks `timestamp` and is rejected like a line without one. */
export function eventsOfOtlp(resources: readonly OtlpResource[]): Record<string, unknown>[] {
  return resources.flatMap(({ attributes, records }) => {
    const service = attributes["service.name"];
    return records.map((record) => eventOf(record, service));
  });
}

function eventOf(record: OtlpRecord, service: unknown): Record<string, unknown> {
  const { timeUnixNano, observedTimeUnixNano, body, attributes } = record;
  const timeNs = timeUnixNano === 0n ? observedTimeUnixNano : timeUnixNano;
  const event: Record<string, unknown> = { ...attributes };
  // Names with a meaning are not the attributes' to take.
  for (const name of ["timestamp", "@timestamp", "time", "ts", "service", "level"]) {
    delete event[name];
  }
  if (timeNs !== 0n) event["timestamp"] = new Date(Number(timeNs / NS_PER_MS)).toISOString();
  if (typeof service === "string") event["service"] = service;
  event["level"] = levelOf(record);
  if (body !== undefined) event["message"] = body;
  return event;
}

function levelOf({ severityNumber, severityText }: OtlpRecord): string {
  const level = LEVELS[Math.ceil(severityNumber / NUMBERS_PER_LEVEL) - 1];
  return level ?? (severityText === "" ? "INFO" : severityText);
}

/** The bytes of an ExportLogsServiceResponse; empty when nothing was rejected. */
export function encodeOtlpAnswer(rejected: number, message: string): Buffer {
  const writer = createWriter();
  if (rejected > 0) {
    writer.uint32(tag(1, BYTES)).fork();
    writer.uint32(tag(1, VARINT)).int64(rejected);
    writer.uint32(tag(2, BYTES)).string(message);
    writer.ldelim();
  }
  return finish(writer);
}
