/** The services of which there are windows: the real names behind the parts of their keys. */
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { keyPart, rangeOf, serviceKey } from "./keys.ts";

/** Names that stand behind the parts of a key. */
export interface ServiceRow {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
}

const SERVICE_VERSION = 1;

/** Writes the row of a service: its names. */
export function encodeServiceRow(row: ServiceRow, writer: ByteWriter): Buffer {
  writer.byte(SERVICE_VERSION);
  writer.text(row.tenant);
  writer.text(row.stream);
  writer.text(row.service);
  return writer.finish();
}

function decodeServiceRow(bytes: Buffer): ServiceRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(SERVICE_VERSION, "service");
  return { tenant: reader.text(), stream: reader.text(), service: reader.text() };
}

/** The names of a series of which there are windows; undefined when there are none. */
export function readServiceRow(view: StateView, seriesKey: string): ServiceRow | undefined {
  const row = view.get(serviceKey(seriesKey));
  return row === undefined ? undefined : decodeServiceRow(row);
}

/** The services of which there are windows, by key; of one stream when `stream` is given. */
export function* readServices(
  view: StateView,
  tenant: string,
  stream?: string,
): Iterable<ServiceRow> {
  const prefix = `service/${keyPart(tenant)}/`;
  const { from, to } = rangeOf(stream === undefined ? prefix : `${prefix}${keyPart(stream)}/`);
  for (const [, row] of view.range(from, to)) yield decodeServiceRow(row);
}
