/**
 * Reads an ExportLogsServiceRequest of OpenTelemetry, as bytes of protobuf (`otlp.proto`) or as JSON. Fields that are not known are skipped, since
 * senders may be newer. Both give the same; a text says what is wrong.
 */
import type { Reader } from "protobufjs/minimal.js";
import { z } from "zod";
import {
  BYTES,
  createReader,
  decoding,
  MalformedError,
  readEnd,
  tag,
  VARINT,
} from "../../shared/protocol/wire.ts";
import type { OtlpRecord, OtlpResource } from "./otlp-logs.ts";

const FIXED64 = 1;
const DOUBLE = 1;
const DEPTH_MAX = 16;

type Mutable = { -readonly [Name in keyof OtlpRecord]: OtlpRecord[Name] };

/** Names with their values; made an object at once, so that no name means anything by itself. */
type Pairs = [name: string, value: unknown][];

/** The resources of a request in protobuf, or what is wrong with it. */
export function decodeOtlpProtobuf(body: Buffer): readonly OtlpResource[] | string {
  try {
    return decoding("it", () => {
      const resources: OtlpResource[] = [];
      const reader = createReader(body);
      fields(reader, reader.len, (fieldTag) => {
        if (fieldTag !== tag(1, BYTES)) return false;
        resources.push(readResource(reader));
        return true;
      });
      return resources;
    });
  } catch (error) {
    if (error instanceof MalformedError) return error.message;
    throw error;
  }
}

/** Hands every field to `take`, and skips those that it does not know. */
function fields(reader: Reader, end: number, take: (fieldTag: number) => boolean): void {
  while (reader.pos < end) {
    const fieldTag = reader.uint32();
    if (!take(fieldTag)) reader.skipType(fieldTag & 7);
  }
  if (reader.pos !== end) throw new MalformedError("a message is longer than it says");
}

function readResource(reader: Reader): OtlpResource {
  const attributes: Pairs = [];
  const records: OtlpRecord[] = [];
  fields(reader, readEnd(reader), (fieldTag) => {
    if (fieldTag === tag(1, BYTES)) {
      fields(reader, readEnd(reader), (inner) => {
        if (inner !== tag(1, BYTES)) return false;
        attributes.push(readKeyValue(reader, 0));
        return true;
      });
    } else if (fieldTag === tag(2, BYTES)) {
      fields(reader, readEnd(reader), (inner) => {
        if (inner !== tag(2, BYTES)) return false;
        records.push(readRecord(reader));
        return true;
      });
    } else return false;
    return true;
  });
  return { attributes: Object.fromEntries(attributes), records };
}

function readRecord(reader: Reader): OtlpRecord {
  const attributes: Pairs = [];
  const record: Mutable = {
    ...{ timeUnixNano: 0n, observedTimeUnixNano: 0n, severityNumber: 0, severityText: "" },
    ...{ body: undefined, attributes: {} },
  };
  fields(reader, readEnd(reader), (fieldTag) => {
    if (fieldTag === tag(1, FIXED64)) record.timeUnixNano = readFixed64(reader);
    else if (fieldTag === tag(11, FIXED64)) record.observedTimeUnixNano = readFixed64(reader);
    else if (fieldTag === tag(2, VARINT)) record.severityNumber = reader.int32();
    else if (fieldTag === tag(3, BYTES)) record.severityText = reader.string();
    else if (fieldTag === tag(5, BYTES)) record.body = readValue(reader, 0);
    else if (fieldTag === tag(6, BYTES)) attributes.push(readKeyValue(reader, 0));
    else return false;
    return true;
  });
  record.attributes = Object.fromEntries(attributes);
  return record;
}

function readKeyValue(reader: Reader, depth: number): Pairs[number] {
  let key = "";
  let value: unknown = null;
  fields(reader, readEnd(reader), (fieldTag) => {
    if (fieldTag === tag(1, BYTES)) key = reader.string();
    else if (fieldTag === tag(2, BYTES)) value = readValue(reader, depth);
    else return false;
    return true;
  });
  return [key, value];
}

function readValue(reader: Reader, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new MalformedError(`values stand more than ${DEPTH_MAX} deep`);
  let value: unknown = null;
  fields(reader, readEnd(reader), (fieldTag) => {
    if (fieldTag === tag(1, BYTES)) value = reader.string();
    else if (fieldTag === tag(2, VARINT)) value = reader.bool();
    else if (fieldTag === tag(3, VARINT)) value = Number(reader.int64());
    else if (fieldTag === tag(4, DOUBLE)) value = reader.double();
    else if (fieldTag === tag(5, BYTES)) value = readList(reader, depth + 1);
    else if (fieldTag === tag(6, BYTES)) value = readMap(reader, depth + 1);
    else if (fieldTag === tag(7, BYTES)) value = Buffer.from(reader.bytes()).toString("base64");
    else return false;
    return true;
  });
  return value;
}

function readList(reader: Reader, depth: number): unknown[] {
  const values: unknown[] = [];
  fields(reader, readEnd(reader), (fieldTag) => {
    if (fieldTag !== tag(1, BYTES)) return false;
    values.push(readValue(reader, depth));
    return true;
  });
  return values;
}

function readMap(reader: Reader, depth: number): Record<string, unknown> {
  const values: Pairs = [];
  fields(reader, readEnd(reader), (fieldTag) => {
    if (fieldTag !== tag(1, BYTES)) return false;
    values.push(readKeyValue(reader, depth));
    return true;
  });
  return Object.fromEntries(values);
}

function readFixed64(reader: Reader): bigint {
  const low = reader.fixed32();
  const high = reader.fixed32();
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

interface JsonValue {
  readonly stringValue?: string | undefined;
  readonly boolValue?: boolean | undefined;
  readonly intValue?: string | number | undefined;
  readonly doubleValue?: string | number | undefined;
  readonly arrayValue?: { readonly values?: readonly JsonValue[] | undefined } | undefined;
  readonly kvlistValue?: { readonly values?: readonly JsonKeyValue[] | undefined } | undefined;
  readonly bytesValue?: string | undefined;
}

interface JsonKeyValue {
  readonly key: string;
  readonly value?: JsonValue | undefined;
}

const number = z.union([z.string(), z.number()]);
const nanoseconds = z.union([z.string().regex(/^\d{1,20}$/), z.int().min(0)]).prefault(0);

const jsonValue: z.ZodType<JsonValue> = z.object({
  stringValue: z.string().optional(),
  boolValue: z.boolean().optional(),
  intValue: number.optional(),
  doubleValue: number.optional(),
  get arrayValue() {
    return z.object({ values: z.array(jsonValue).optional() }).optional();
  },
  get kvlistValue() {
    return z.object({ values: z.array(keyValue).optional() }).optional();
  },
  bytesValue: z.string().optional(),
});
const keyValue: z.ZodType<JsonKeyValue> = z.object({
  key: z.string(),
  value: jsonValue.optional(),
});
const attributeList = z.array(keyValue).prefault([]);

const jsonRequest = z.object({
  resourceLogs: z
    .array(
      z.object({
        resource: z.object({ attributes: attributeList }).prefault({}),
        scopeLogs: z
          .array(
            z.object({
              logRecords: z
                .array(
                  z.object({
                    timeUnixNano: nanoseconds,
                    observedTimeUnixNano: nanoseconds,
                    severityNumber: z.int().prefault(0),
                    severityText: z.string().prefault(""),
                    body: jsonValue.optional(),
                    attributes: attributeList,
                  }),
                )
                .prefault([]),
            }),
          )
          .prefault([]),
      }),
    )
    .prefault([]),
});

/** The resources of a request in JSON, or what is wrong with it. */
export function decodeOtlpJson(body: Buffer): readonly OtlpResource[] | string {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    // A SyntaxError, or a body that no string can hold.
    return error instanceof Error ? error.message : String(error);
  }
  const parsed = jsonRequest.safeParse(value);
  if (!parsed.success) return z.prettifyError(parsed.error).slice(0, 500);
  return parsed.data.resourceLogs.map(({ resource, scopeLogs }) => ({
    attributes: plainAttributes(resource.attributes),
    records: scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        ...record,
        timeUnixNano: BigInt(record.timeUnixNano),
        observedTimeUnixNano: BigInt(record.observedTimeUnixNano),
        body: record.body && plainValue(record.body),
        attributes: plainAttributes(record.attributes),
      })),
    ),
  }));
}

function plainAttributes(list: readonly JsonKeyValue[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value ? plainValue(value) : null]));
}

function plainValue(value: JsonValue): unknown {
  const { arrayValue, kvlistValue, intValue, doubleValue } = value;
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(plainValue);
  if (kvlistValue !== undefined) return plainAttributes(kvlistValue.values ?? []);
  if (intValue !== undefined) return Number(intValue);
  if (doubleValue !== undefined) return Number(doubleValue);
  return value.stringValue ?? value.boolValue ?? value.bytesValue ?? null;
}
