/** The services of which there are windows: the real names behind the parts of their keys. */
import {
  DIMENSIONS_NONE,
  type Dimensions,
  dimensionsKey,
} from "../../shared/aggregates/dimensions.ts";
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { readDimensions, writeDimensions } from "./detail-format.ts";
import { isApart, keyPart, rangeOf, serviceKey } from "./keys.ts";

/** Names that stand behind the parts of a key. */
export interface ServiceRow {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** None when left out. */
  readonly dimensions?: Dimensions | undefined;
}

const SERVICE_VERSION = 1;
/** Of windows with dimensions. */
const SERVICE_VERSION_APART = 2;

/** Writes the row of a service: its names. */
export function encodeServiceRow(row: ServiceRow, writer: ByteWriter): Buffer {
  const { dimensions = DIMENSIONS_NONE } = row;
  const isWhole = dimensionsKey(dimensions) === "";
  writer.byte(isWhole ? SERVICE_VERSION : SERVICE_VERSION_APART);
  writer.text(row.tenant);
  writer.text(row.stream);
  writer.text(row.service);
  if (!isWhole) writeDimensions(writer, dimensions);
  return writer.finish();
}

function decodeServiceRow(bytes: Buffer): ServiceRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(SERVICE_VERSION, SERVICE_VERSION_APART, "service");
  const names = { tenant: reader.text(), stream: reader.text(), service: reader.text() };
  return version === SERVICE_VERSION ? names : { ...names, dimensions: readDimensions(reader) };
}

/** The names of a series of which there are windows; undefined when there are none. */
export function readServiceRow(view: StateView, seriesKey: string): ServiceRow | undefined {
  const row = view.get(serviceKey(seriesKey));
  return row === undefined ? undefined : decodeServiceRow(row);
}

/** The whole services of which there are windows, by key; of one stream when `stream` is given. */
export function* readServices(
  view: StateView,
  tenant: string,
  stream?: string,
): Iterable<ServiceRow> {
  const prefix = `service/${keyPart(tenant)}/`;
  const { from, to } = rangeOf(stream === undefined ? prefix : `${prefix}${keyPart(stream)}/`);
  for (const [key, row] of view.range(from, to)) if (!isApart(key)) yield decodeServiceRow(row);
}
