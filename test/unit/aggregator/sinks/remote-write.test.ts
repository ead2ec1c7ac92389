import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { remoteWriteBody } from "../../../../aggregator/sinks/remote-write.ts";

const schema = protobuf
  .parse(`
  syntax = "proto3";
  message WriteRequest { repeated TimeSeries timeseries = 1; }
  message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; }
  message Label { string name = 1; string value = 2; }
  message Sample { double value = 1; int64 timestamp = 2; }
`)
  .root.lookupType("WriteRequest");

/** Takes a snappy block of literals apart, as its format description says. */
function unpack(block: Buffer): Buffer {
  const reader = protobuf.Reader.create(block);
  const length = reader.uint32();
  const parts: Buffer[] = [];
  for (let at = reader.pos; at < block.length; ) {
    const tag = block.readUInt8(at);
    expect(tag & 3).toBe(0);
    const extra = (tag >> 2) - 59;
    const bytes = extra > 0 ? block.readUIntLE(at + 1, extra) + 1 : (tag >> 2) + 1;
    at += 1 + Math.max(0, extra);
    parts.push(block.subarray(at, at + bytes));
    at += bytes;
  }
  const whole = Buffer.concat(parts);
  expect(whole.length).toBe(length);
  return whole;
}

describe("a remote write", () => {
  it("holds a series for each set of labels, labels sorted and samples by time", () => {
    const labels = { __name__: "requests", service: "orders", empty: "", aisle: "7" };
    const body = remoteWriteBody([
      { labels, value: 2.5, timestampMs: 1_763_632_920_000 },
      { labels, value: -1, timestampMs: 1_763_632_860_000 },
      { labels: { ...labels, service: "x".repeat(70_000) }, value: 0, timestampMs: 5 },
    ]);
    const decoded = schema.toObject(schema.decode(unpack(body)), {
      longs: Number,
      defaults: true,
    });
    const names = [
      { name: "__name__", value: "requests" },
      { name: "aisle", value: "7" },
    ];
    expect(decoded).toEqual({
      timeseries: [
        {
          labels: [...names, { name: "service", value: "orders" }],
          samples: [
            { value: -1, timestamp: 1_763_632_860_000 },
            { value: 2.5, timestamp: 1_763_632_920_000 },
          ],
        },
        {
          labels: [...names, { name: "service", value: "x".repeat(70_000) }],
          samples: [{ value: 0, timestamp: 5 }],
        },
      ],
    });
  });

  it("may hold nothing", () => {
    expect(remoteWriteBody([])).toEqual(Buffer.of(0));
  });
});
