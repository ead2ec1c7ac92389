import { join } from "node:path";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { DIGEST_NONE, ENVELOPE_VERSION, type Envelope } from "../../../../shared/protocol/batch.ts";
import {
  decodeEnvelope,
  encodeEnvelope,
  UnknownVersionError,
} from "../../../../shared/protocol/envelope.ts";
import { MalformedError } from "../../../../shared/protocol/wire.ts";

const record = { sequence: 7, digest: DIGEST_NONE, rawBytes: 9, payload: Buffer.from("payload") };
const envelope: Envelope = {
  version: ENVELOPE_VERSION,
  agent: "web-1",
  epoch: "00112233445566778899aabbccddeeff",
  logId: "log",
  machine: "m",
  records: [record, { ...record, sequence: 8 }],
  selectorRevision: "0badcafe",
};

describe("encodeEnvelope and decodeEnvelope", () => {
  it("give back an envelope as it was", () => {
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
  });

  it("write what protobufjs reads by the .proto file", async () => {
    const root = await protobuf.load(
      join(import.meta.dirname, "../../../../shared/protocol/tailrace.proto"),
    );
    const type = root.lookupType("tailrace.v1.Envelope");
    const bytes = Buffer.from(type.encode(type.decode(encodeEnvelope(envelope))).finish());
    expect(decodeEnvelope(bytes)).toEqual(envelope);
  });

  it("refuse another version before looking at the rest", () => {
    for (const version of [0, 4, 127]) {
      const other = Buffer.concat([Buffer.from([8, version]), Buffer.from([(7 << 3) | 0, 1])]);
      expect(() => decodeEnvelope(other)).toThrow(UnknownVersionError);
    }
  });

  it("refuse a revision of selectors that is none", () => {
    const bytes = encodeEnvelope({ ...envelope, selectorRevision: "no hash" });
    expect(() => decodeEnvelope(bytes)).toThrow("selector revision");
  });

  it("refuse records that are not consecutive", () => {
    const gap = { ...envelope, records: [record, { ...record, sequence: 9 }] };
    expect(() => decodeEnvelope(encodeEnvelope(gap))).toThrow("not consecutive");
  });

  it("refuse every cut of an envelope that loses a byte of a record", () => {
    const bytes = encodeEnvelope({ ...envelope, records: [record], selectorRevision: "" });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeEnvelope(bytes.subarray(0, length))).toThrow(MalformedError);
    }
  });
});
