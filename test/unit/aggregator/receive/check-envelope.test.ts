import fc from "fast-check";
import { compressSync } from "lz4-napi";
import { describe, expect, it } from "vitest";
import { checkEnvelope } from "../../../../aggregator/receive/check-envelope.ts";
import type { Batch, Checkpoint, Delta, SealedRecord } from "../../../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../../../shared/protocol/envelope.ts";
import { digestOf, sealRecord } from "../../../../shared/protocol/sealed-record.ts";
import { checkpoint } from "../collect/sample-agent.ts";
import {
  MINUTE,
  sampleAggregate,
  sampleBatch,
  sampleChain,
  sampleEnvelope,
} from "./sample-batches.ts";

const LOG_ID = "log-a";
const limits = { recordCountMax: 3, recordBytesMax: 100_000, requestRawBytesMax: 150_000 };

function check(envelope: Parameters<typeof encodeEnvelope>[0]) {
  return checkEnvelope(encodeEnvelope(envelope), LOG_ID, limits);
}

function refusal(result: ReturnType<typeof checkEnvelope>) {
  if (!("refusal" in result)) throw new Error("expected a refusal");
  return result.refusal;
}

function recordOf(raw: Buffer, changes: Partial<SealedRecord> = {}): SealedRecord {
  return {
    sequence: 1,
    digest: digestOf(raw),
    rawBytes: raw.length,
    payload: compressSync(raw),
    ...changes,
  };
}

function sourceAt(source: string, eventTimeMaxMs: number): Batch["sources"][number] {
  return { source, state: "live", eventTimeMaxMs };
}

function deltaOf(service: string): Delta {
  return { stream: "application-logs", service, minute: MINUTE, aggregate: sampleAggregate(1) };
}

function fileAt(path: string, heldCount: number): Checkpoint {
  return checkpoint(1, {
    path,
    offset: 1_000_000,
    held: Array.from({ length: heldCount }, (_, index) => ({ from: 2 * index, to: 2 * index + 1 })),
  });
}

/** Each entry names a text of 4096 bytes. */
function longLedger(count: number): Batch["ledger"] {
  const reason = "r".repeat(4096);
  const entry = { source: "app", kind: "rejected", reason, lines: 1, bytes: 1 } as const;
  return Array.from({ length: count }, () => entry);
}

describe("checking an envelope", () => {
  it("takes consecutive records that are what they claim to be", () => {
    const result = check(sampleEnvelope(sampleChain(3), { logId: LOG_ID }));
    if ("refusal" in result) throw new Error(result.refusal.detail);
    expect(result.batches.map((batch) => batch.sequence)).toEqual([1, 2, 3]);
    expect(result.batches[0]?.columns[0]?.toDeltas()[0]?.aggregate.requestCount).toBe(3);
  });

  it("takes a tombstone, whose digest is that of the record it replaces", () => {
    const replacedDigest = "ab".repeat(16);
    const tombstone = sampleBatch(1, { tombstone: { reason: "malformed_batch", replacedDigest } });
    expect(check(sampleEnvelope([sealRecord(tombstone)]))).toHaveProperty("batches");
  });

  it("refuses bytes that are no envelope", () => {
    const result = checkEnvelope(Buffer.from("GET / HTTP/1.1"), LOG_ID, limits);
    expect(refusal(result)).toMatchObject({ status: 400, code: "unreadable_body" });
  });

  it("refuses another version before it looks at anything else", () => {
    const bytes = Buffer.concat([Buffer.from([0x08, 0x04]), Buffer.from("not known yet")]);
    expect(refusal(checkEnvelope(bytes, LOG_ID, limits)).code).toBe("unknown_version");
  });

  it("refuses records of another log", () => {
    const result = check(sampleEnvelope(sampleChain(1), { logId: "log-b" }));
    expect(refusal(result)).toMatchObject({ status: 409, code: "wrong_log" });
  });

  it("refuses more records, larger records and larger requests than it takes with 413", () => {
    expect(refusal(check(sampleEnvelope(sampleChain(4)))).status).toBe(413);
    const large = recordOf(Buffer.alloc(100_001));
    expect(refusal(check(sampleEnvelope([large])))).toMatchObject({
      status: 413,
      code: "body_too_large",
    });
    const half = [1, 2].map((sequence) => recordOf(Buffer.alloc(80_000), { sequence }));
    expect(refusal(check(sampleEnvelope(half))).status).toBe(413);
  });

  it("refuses a forged size before it decompresses", () => {
    const bomb = compressSync(Buffer.alloc(50_000_000));
    const claim = recordOf(Buffer.alloc(10), { payload: bomb });
    expect(refusal(check(sampleEnvelope([claim])))).toMatchObject({ code: "unreadable_body" });
    const forged = Buffer.from(bomb);
    forged.writeUInt32LE(10, 0);
    const hidden = recordOf(Buffer.alloc(10), { payload: forged });
    expect(refusal(check(sampleEnvelope([hidden])))).toMatchObject({ code: "unreadable_body" });
    forged.writeUInt32LE(0xffffffff, 0);
    const huge = recordOf(Buffer.alloc(10), { payload: forged, rawBytes: 0xffffffff });
    expect(refusal(check(sampleEnvelope([huge]))).status).toBe(413);
  });

  it("calls a record that does not have its digest unreadable, never malformed", () => {
    const raw = Buffer.from("no batch at all");
    const damaged = recordOf(raw, { digest: "00".repeat(16) });
    expect(refusal(check(sampleEnvelope([damaged]))).code).toBe("unreadable_body");
    const [good] = sampleChain(1);
    if (good === undefined) throw new Error("no record");
    const swapped = { ...good, digest: "11".repeat(16) };
    expect(refusal(check(sampleEnvelope([swapped]))).code).toBe("unreadable_body");
  });

  it("condemns, with its sequence, a record that arrived whole and is no batch", () => {
    const [first] = sampleChain(1);
    if (first === undefined) throw new Error("no record");
    const bad = recordOf(Buffer.from("no batch at all"), { sequence: 2 });
    expect(refusal(check(sampleEnvelope([first, bad])))).toMatchObject({
      status: 400,
      code: "malformed_batch",
      sequence: 2,
    });
  });

  it("condemns a batch whose checkpoint contradicts itself", () => {
    const checkpoint = {
      source: "app",
      file: 1,
      path: "/var/log/a.log",
      device: "1",
      inode: "2",
      birthMs: undefined,
      modifiedMs: undefined,
      fingerprintBytes: 0,
      fingerprint: "",
      generation: 0,
      offset: 100,
      from: 0,
      guardBytes: 0,
      guard: 0,
      held: [{ from: 10, to: 20 }],
      unterminated: false,
      complete: false,
      removed: false,
    };
    const codeOf = (changes: Partial<typeof checkpoint>) => {
      const record = sealRecord(sampleBatch(1, { checkpoints: [{ ...checkpoint, ...changes }] }));
      const result = check(sampleEnvelope([record]));
      return "refusal" in result ? result.refusal.code : "taken";
    };
    expect(codeOf({})).toBe("taken");
    expect(codeOf({ from: 101 })).toBe("malformed_batch");
    expect(codeOf({ held: [{ from: 90, to: 101 }] })).toBe("malformed_batch");
    const overlapping = [
      { from: 10, to: 20 },
      { from: 15, to: 30 },
    ];
    expect(codeOf({ held: overlapping })).toBe("malformed_batch");
  });

  it("condemns a window that no date can show", () => {
    const { deltas } = sampleBatch(1);
    const beyond = deltas.map((delta) => ({ ...delta, minute: 144e9 }));
    const record = sealRecord(sampleBatch(1, { deltas: beyond }));
    expect(refusal(check(sampleEnvelope([record])))).toMatchObject({ code: "malformed_batch" });
  });

  it.each<[string, Partial<Batch>]>([
    ["a seal beyond all dates", { sealedAtMs: Number.MAX_SAFE_INTEGER }],
    ["an event beyond all dates", { sources: [sourceAt("app", -Number.MAX_SAFE_INTEGER)] }],
    ["a source with an endless name", { sources: [sourceAt("s".repeat(257), 0)] }],
    ["a name longer than any row takes", { deltas: [deltaOf("s".repeat(4097))] }],
    ["a path longer than any row takes", { checkpoints: [fileAt("p".repeat(70_000), 0)] }],
    ["more held ranges than a row takes", { checkpoints: [fileAt("p", 50_001)] }],
    ["a ledger longer than any row takes", { ledger: longLedger(1_000) }],
  ])("condemns %s, which no row of state could hold", (_what, changes) => {
    const wide = { recordCountMax: 3, recordBytesMax: 2 ** 24, requestRawBytesMax: 2 ** 26 };
    const bytes = encodeEnvelope(sampleEnvelope([sealRecord(sampleBatch(1, changes))]));
    const result = checkEnvelope(bytes, LOG_ID, wide);
    expect(refusal(result)).toMatchObject({ code: "malformed_batch", sequence: 1 });
  });

  it("takes what is as long as it may be", () => {
    const changes = {
      sealedAtMs: 4e15,
      sources: [sourceAt("s".repeat(256), -4e15)],
      deltas: [deltaOf("s".repeat(4096))],
      checkpoints: [fileAt("p".repeat(4096), 100)],
      ledger: longLedger(700),
    };
    expect(check(sampleEnvelope([sealRecord(sampleBatch(1, changes))]))).toHaveProperty("batches");
  });

  it("does not condemn a batch that stands under another name", () => {
    for (const batch of [
      sampleBatch(1, { agent: "web-2" }),
      sampleBatch(1, { epoch: "ff".repeat(16) }),
    ]) {
      expect(refusal(check(sampleEnvelope([sealRecord(batch)]))).code).toBe("unreadable_body");
    }
    const renumbered = { ...sealRecord(sampleBatch(1)), sequence: 2 };
    expect(refusal(check(sampleEnvelope([renumbered]))).code).toBe("unreadable_body");
  });

  it("NET-02 never throws and never condemns, whatever a network does to the bytes", () => {
    const whole = encodeEnvelope(sampleEnvelope(sampleChain(3)));
    const damage = fc.oneof(
      fc.nat({ max: whole.length - 1 }).map((length) => whole.subarray(0, length)),
      fc
        .array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), { minLength: 1 })
        .map((edits) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of edits) bytes[at] = value;
          return bytes;
        }),
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(damage, (bytes) => {
        const result = checkEnvelope(bytes, LOG_ID, limits);
        const outcome =
          "refusal" in result
            ? result.refusal.code
            : `${result.batches.length} of ${result.envelope.records.length}`;
        expect(outcome).toMatch(
          /^(unreadable_body|unknown_version|body_too_large|wrong_log|1 of 1|2 of 2|3 of 3)$/,
        );
      }),
      { numRuns: 3_000 },
    );
  });
});
