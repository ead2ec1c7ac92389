/** Prometheus' remote write protocol, version 1.0 (https://prometheus.io/docs/specs/prw/remote_write_spec/): protobuf in a snappy block. */
import { BYTES, createWriter, finish, tag, VARINT } from "../../shared/protocol/wire.ts";

/** One sample of a series. */
export interface Sample {
  /** With `__name__`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampMs: number;
}

/** Headers that a body of {@link remoteWriteBody} needs. */
export const REMOTE_WRITE_HEADERS = {
  "content-type": "application/x-protobuf",
  "content-encoding": "snappy",
  "x-prometheus-remote-write-version": "0.1.0",
} as const;

/** Wire type of eight bytes: a double. */
const FIXED64 = 1;

/** The body of a request: a series for each set of labels, its samples in the order of time. */
export function remoteWriteBody(samples: readonly Sample[]): Buffer {
  const bySeries = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = JSON.stringify(sortedLabels(sample));
    const series = bySeries.get(key);
    if (series === undefined) bySeries.set(key, [sample]);
    else series.push(sample);
  }
  // WriteRequest { repeated TimeSeries timeseries = 1 }
  const writer = createWriter();
  for (const series of bySeries.values()) {
    writer.uint32(tag(1, BYTES)).bytes(seriesMessage(series));
  }
  return snappyLiteral(finish(writer));
}

/** TimeSeries { repeated Label labels = 1; repeated Sample samples = 2 } */
function seriesMessage(series: readonly Sample[]): Buffer {
  const writer = createWriter();
  const [first] = series;
  for (const [name, value] of first === undefined ? [] : sortedLabels(first)) {
    // Label { string name = 1; string value = 2 }
    const label = createWriter().uint32(tag(1, BYTES)).string(name);
    writer.uint32(tag(1, BYTES)).bytes(finish(label.uint32(tag(2, BYTES)).string(value)));
  }
  for (const { value, timestampMs } of series.toSorted((a, b) => a.timestampMs - b.timestampMs)) {
    // Sample { double value = 1; int64 timestamp = 2 }
    const sample = createWriter().uint32(tag(1, FIXED64)).double(value);
    writer.uint32(tag(2, BYTES)).bytes(finish(sample.uint32(tag(2, VARINT)).int64(timestampMs)));
  }
  return finish(writer);
}

/** The protocol wants labels sorted by name, and none empty. */
function sortedLabels({ labels }: Sample): (readonly [name: string, value: string])[] {
  return Object.entries(labels)
    .filter(([, value]) => value !== "")
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Bytes as a snappy block that holds them as they are: their length as a varint, then one literal (format_description.txt, 2.1: tag 63 is
 * followed by length − 1 in four bytes). A batch is some ten kilobytes, which is not worth a compressor.
 */
function snappyLiteral(bytes: Buffer): Buffer {
  const length = finish(createWriter().uint32(bytes.length));
  if (bytes.length === 0) return length;
  const head = Buffer.alloc(5);
  head.writeUInt8(63 << 2);
  head.writeUInt32LE(bytes.length - 1, 1);
  return Buffer.concat([length, head, bytes]);
}
