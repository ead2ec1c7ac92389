import { describe, expect, it } from "vitest";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import type { Batch } from "../../../../shared/protocol/batch.ts";
import { decodeBatch } from "../../../../shared/protocol/codec.ts";
import { digestOf, openRecord, sealRecord } from "../../../../shared/protocol/sealed-record.ts";
import { EMPTY_BATCH } from "./sample-batch.ts";

const aggregate = new Aggregate();
aggregate.add(2, 1500);
const batch: Batch = {
  ...EMPTY_BATCH,
  deltas: [{ stream: "application-logs", service: "orders", minute: 30_000_000, aggregate }],
};

describe("sealRecord and openRecord", () => {
  it("give back the batch, and the digest is that of its bytes", () => {
    const record = sealRecord(batch);
    const raw = openRecord(record, 1 << 20);
    expect(digestOf(raw)).toBe(record.digest);
    expect(decodeBatch(raw)).toEqual(batch);
  });

  it("keep the digest of the replaced record for a tombstone", () => {
    const replacedDigest = "ffeeddccbbaa99887766554433221100";
    const tombstone = { reason: "malformed_batch", replacedDigest } as const;
    expect(sealRecord({ ...batch, tombstone }).digest).toBe(replacedDigest);
  });

  it("refuse a forged size prefix before anything is allocated", () => {
    const record = sealRecord(batch);
    record.payload.writeUInt32LE(0xffff_ffff, 0);
    expect(() => openRecord(record, 1 << 20)).toThrow("is not the record's");
    expect(() => openRecord({ ...record, rawBytes: 0xffff_ffff }, 1 << 20)).toThrow(
      "at most 1048576",
    );
  });

  it("refuse a size prefix and record size that agree on a lie", () => {
    const record = sealRecord(batch);
    record.payload.writeUInt32LE(record.rawBytes + 1, 0);
    expect(() => openRecord({ ...record, rawBytes: record.rawBytes + 1 }, 1 << 20)).toThrow(
      /another size|does not decompress/,
    );
  });
});
