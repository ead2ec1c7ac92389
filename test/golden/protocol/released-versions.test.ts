/** Bytes that released versions sent, as they were recorded: every later version must still read them so. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeBatch } from "../../../shared/protocol/codec.ts";
import { decodeEnvelope } from "../../../shared/protocol/envelope.ts";
import { digestOf, openRecord } from "../../../shared/protocol/sealed-record.ts";

describe("an envelope of version 1", () => {
  const text = readFileSync(join(import.meta.dirname, "envelope-v1.base64"), "utf8");
  const envelope = decodeEnvelope(Buffer.from(text, "base64"));

  it("is read as it was meant", () => {
    expect(envelope).toMatchObject({ version: 1, agent: "web-1", logId: "L", machine: "m" });
    const [record] = envelope.records;
    if (record === undefined) throw new Error("the recorded envelope holds a record");
    const raw = openRecord(record, 1 << 20);
    expect(digestOf(raw)).toBe(record.digest);
    const batch = decodeBatch(raw);
    expect(batch).toMatchObject({
      agent: "web-1",
      epoch: "00112233445566778899aabbccddeeff",
      sequence: 3,
      previousDigest: "0f".repeat(16),
      sealedAtMs: 1_795_430_400_123,
      checkpoints: [
        {
          source: "app",
          file: 4,
          inode: "18446744073709551615",
          offset: 9000,
          from: 8000,
          guard: 4_294_967_295,
          held: [{ from: 10, to: 20 }],
          unterminated: true,
          removed: false,
        },
      ],
      sources: [{ source: "app", state: "idle", eventTimeMaxMs: 1_795_430_399_999 }],
      ledger: [{ source: "app", kind: "rejected", reason: "not_json", lines: 2, bytes: 31 }],
    });
    const [delta] = batch.deltas;
    expect(delta).toMatchObject({ stream: "application-logs", service: "größe", minute: 29_923_840 });
    expect(delta?.aggregate).toMatchObject({ levels: [1, 0, 2, 0, 1, 1, 1], durationMax: 1_073_741_823_999 });
    expect(delta?.aggregate.durationCount).toBe(5);
    expect(delta?.aggregate.durationSum).toBe(1500 + 1_073_741_823_999 + 77 + 1_000_000);
  });
});

describe("an envelope of version 2", () => {
  const text = readFileSync(join(import.meta.dirname, "envelope-v2.base64"), "utf8");
  const envelope = decodeEnvelope(Buffer.from(text, "base64"));

  it("is read as it was meant", () => {
    expect(envelope).toMatchObject({ version: 2, logId: "L", selectorRevision: "0badcaff" });
    const [record] = envelope.records;
    if (record === undefined) throw new Error("the recorded envelope holds a record");
    const raw = openRecord(record, 1 << 20);
    expect(digestOf(raw)).toBe(record.digest);
    const batch = decodeBatch(raw);
    const line = { stream: "business-events", source: "app", file: 4, generation: 1, index: 0 };
    expect(batch.events).toEqual([
      {
        ...line,
        offset: 8000,
        timeMs: 1_795_430_399_000,
        type: "LOGIN",
        fields: {
          ...{ userId: "u1", amount: 12.5, count: -3, zero: -0, big: 2 ** 60 },
          ...{ ok: true, no: false, none: null },
        },
      },
      {
        ...line,
        offset: 8120,
        timeMs: 1_795_430_398_999,
        type: null,
        fields: { message: "ä".repeat(65), tags: ["a", [], { deep: { x: 1 } }] },
      },
    ]);
    expect(batch.holes).toEqual([
      { stream: "business-events", fromMs: -5, toMs: 1_795_430_399_999, count: 3 },
    ]);
    expect(batch.selectorRevision).toBe("0badcafe");
    expect(batch.ledger).toEqual([
      { source: "app", kind: "events_selected", reason: "", lines: 5, bytes: 500 },
      { source: "app", kind: "events_sent", reason: "", lines: 2, bytes: 200 },
      { source: "app", kind: "events_shed", reason: "spool_full", lines: 3, bytes: 300 },
    ]);
  });
});

describe("an envelope of version 3", () => {
  const text = readFileSync(join(import.meta.dirname, "envelope-v3.base64"), "utf8");
  const envelope = decodeEnvelope(Buffer.from(text, "base64"));

  it("is read as it was meant", () => {
    expect(envelope).toMatchObject({ version: 3, logId: "L" });
    const [record] = envelope.records;
    if (record === undefined) throw new Error("the recorded envelope holds a record");
    const raw = openRecord(record, 1 << 20);
    expect(digestOf(raw)).toBe(record.digest);
    const { deltas, lines, ledger } = decodeBatch(raw);
    const [apart, plain] = deltas;
    expect(apart?.dimensions).toEqual({ host: "h", path: "/größe" });
    const { measures = [], exemplars = [] } = apart?.aggregate.detail ?? {};
    expect(measures.map(({ name, kind, value }) => [name, kind, value])).toEqual([
      ["bytes", "sum", 1_000_000_012.25],
      ["slow", "count", 7],
      ["users", "distinct", 40],
    ]);
    expect(exemplars).toEqual([
      { id: "0badcafe".repeat(4), timeMs: 1_795_430_400_123, level: 4, line: "größe [card]" },
    ]);
    expect(plain?.dimensions).toBeUndefined();
    expect(lines).toEqual([
      {
        ...{ stream: "application-logs", source: "app", file: 4, generation: 1, offset: 9000 },
        ...{ timeMs: 1_795_430_400_123, service: "shop", level: "FATAL", weight: 2.5 },
        line: "out of memory ".repeat(9),
      },
    ]);
    expect(ledger).toEqual([
      { source: "app", kind: "lines_shed", reason: "rate_limited", lines: 3, bytes: 99 },
    ]);
  });
});
