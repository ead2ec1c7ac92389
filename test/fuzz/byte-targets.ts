/** What reads bytes: framers of files, the spool, and everything that comes over the wire. */

import assert from "node:assert/strict";
import { compressSync } from "lz4-napi";
import { splitLines } from "../../agent/source/split-lines.ts";
import { openSpool } from "../../agent/spool/open-spool.ts";
import { checkEnvelope } from "../../aggregator/receive/check-envelope.ts";
import { readEvent } from "../../aggregator/rules/read-event.ts";
import { RecordCounter } from "../../aggregator/sources/count-records.ts";
import { decodeOtlpJson, decodeOtlpProtobuf } from "../../aggregator/sources/otlp-decode.ts";
import { eventsOfOtlp } from "../../aggregator/sources/otlp-logs.ts";
import { TailraceError } from "../../shared/errors.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../shared/events/event-options.ts";
import { decodeBatch, encodeBatch } from "../../shared/protocol/codec.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { digestOf } from "../../shared/protocol/sealed-record.ts";
import { SELECTORS_NONE } from "../../shared/protocol/selected-event.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { REDACTOR_NONE } from "../../shared/redaction/redactor.ts";
import { MemoryDisk } from "../unit/agent/spool/memory-disk.ts";
import { digestsOf, filledSpool, spoolOptions } from "../unit/agent/spool/sample-spool.ts";
import {
  sampleBatch,
  sampleChain,
  sampleEnvelope,
} from "../unit/aggregator/receive/sample-batches.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { OTLP_JSON, OTLP_PROTOBUF } from "./otlp-samples.ts";

const LINE_BYTES_MAX = 20;

/** Lines of a buffer: nothing overlaps, nothing is left out, and too long is what is too long. */
function framerTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    const { runs, restFrom } = splitLines(input, 0, input.length, LINE_BYTES_MAX);
    let at = 0;
    for (const { from, to, isTooLong } of runs) {
      assert.equal(from, at, "runs follow one another");
      assert.ok(to > from && input[to - 1] === 0x0a, "a run ends with a line");
      const lines = input.toString("latin1", from, to).slice(0, -1).split("\n");
      assert.ok(lines.every((line) => line.length > LINE_BYTES_MAX === isTooLong));
      at = to;
    }
    assert.equal(restFrom, at);
    assert.equal(input.indexOf(10, restFrom), -1, "the rest has no line end");
    return `${Math.min(9, runs.length)} ${restFrom === input.length}`;
  };
  return { seeds: [Buffer.from(`a\nbb\n\n${"c".repeat(21)}\n${"d".repeat(20)}\ne`)], feed };
}

const SEQUENCE_COUNT = 5;

/** A spool one file of which holds the input: no record is shown that was not written, and it opens or says why not. */
async function makeSpoolTarget(): Promise<FuzzTarget> {
  const disk = new MemoryDisk();
  const expected = await digestsOf(await filledSpool(disk, SEQUENCE_COUNT));
  const files = [...disk.contents()];
  const [first = Buffer.alloc(0), ...others] = files.map(([, content]) => content);
  const feed = async (input: Buffer) => {
    const [path] = files[(input[0] ?? 0) % files.length] ?? [];
    assert.ok(path !== undefined);
    const bytes = input.subarray(1);
    const harmed = MemoryDisk.holding(new Map(disk.contents()).set(path, bytes));
    try {
      const { spool, condition } = await openSpool(spoolOptions(harmed));
      const digests = await digestsOf(spool);
      for (const [sequence, digest] of digests) {
        assert.equal(digest, expected.get(sequence), `record ${sequence} was never written so`);
      }
      return `${condition} ${digests.size}`;
    } catch (error) {
      if (error instanceof TailraceError) return error.code;
      throw error;
    }
  };
  const named = (content: Buffer, at: number) => Buffer.concat([Buffer.of(at), content]);
  return { seeds: [named(first, 0), ...others.map((content, at) => named(content, at + 1))], feed };
}

/** Bytes of a batch: refused, or a batch that means the same when it is written again. */
function batchTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    try {
      const batch = decodeBatch(input);
      const again = encodeBatch(batch);
      assert.deepEqual(decodeBatch(again), batch);
      return `${batch.deltas.length} ${batch.checkpoints.length} ${batch.events.length}`;
    } catch (error) {
      if (error instanceof MalformedError) return error.message;
      throw error;
    }
  };
  return { seeds: [encodeBatch(sampleBatch(1))], feed };
}

const LIMITS = { recordCountMax: 3, recordBytesMax: 100_000, requestRawBytesMax: 150_000 };

/** Bodies of `POST /v1/batches`. */
function envelopeTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    const checked = checkEnvelope(input, "log-a", LIMITS);
    return "refusal" in checked ? checked.refusal.detail : `taken ${checked.batches.length}`;
  };
  return { seeds: [encodeEnvelope(sampleEnvelope(sampleChain(3), { logId: "log-a" }))], feed };
}

/** Bodies whose digest is right, whatever the batch in them. */
function sealedTarget(): FuzzTarget {
  const feed = (raw: Buffer) => {
    const payload = compressSync(raw);
    const record = { sequence: 1, digest: digestOf(raw), rawBytes: raw.length, payload };
    const body = encodeEnvelope(sampleEnvelope([record], { logId: "log-a" }));
    const checked = checkEnvelope(body, "log-a", LIMITS);
    return "refusal" in checked ? checked.refusal.detail : `taken ${checked.batches.length}`;
  };
  return { seeds: [encodeBatch(sampleBatch(1))], feed };
}

const RECORD = Buffer.from(
  '{"timestamp":"2026-11-20T10:00:59.123Z","service":"shop","level":"ERROR","message":"m","duration":12.5,"user":{"id":7}}',
);

/** Records of Kafka topics and of `POST /v1/events`. */
function recordTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    const counter = new RecordCounter({
      leaving: { redactor: REDACTOR_NONE, aggregation: undefined },
      labels: {},
      ...{ source: "bus", stream: "application-logs", service: "bus" },
      events: { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC", nowMs: () => 0 },
      selectors: () => SELECTORS_NONE,
      place: { source: "bus", file: 0 },
    });
    const reason = counter.add(input, 0, Date.UTC(2026, 11, 1));
    assert.ok(counter.aggregatedCount <= 1);
    return `${reason} ${counter.aggregatedCount}`;
  };
  return { seeds: [RECORD], feed };
}

/** Bodies of `POST /v1/logs`. */
function otlpTarget(decode: typeof decodeOtlpJson, seed: Buffer): FuzzTarget {
  const feed = (input: Buffer) => {
    const decoded = decode(input);
    if (typeof decoded === "string") return decoded;
    const events = eventsOfOtlp(decoded);
    JSON.stringify(events);
    return `${Math.min(9, events.length)} ${Object.keys(events[0] ?? {}).length}`;
  };
  return { seeds: [seed], feed };
}

/** Lines of `tailrace rules run --events`. */
function ruleEventTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    let value: unknown;
    try {
      value = JSON.parse(input.toString());
    } catch {
      return "not JSON";
    }
    const event = readEvent(value, 1);
    return typeof event === "string" ? event : "event";
  };
  return {
    seeds: [Buffer.from('{"ts":1,"id":1,"key":"u","type":"LOGIN","amount":1.5}'), RECORD],
    feed,
  };
}

/** Targets by name. */
export function byteTargets(): [name: string, make: () => FuzzTarget | Promise<FuzzTarget>][] {
  return [
    ["frame:lines", framerTarget],
    ["read:spool", makeSpoolTarget],
    ["read:batch", batchTarget],
    ["receive:envelope", envelopeTarget],
    ["receive:sealed", sealedTarget],
    ["receive:record", recordTarget],
    ["receive:otlp-json", () => otlpTarget(decodeOtlpJson, OTLP_JSON)],
    ["receive:otlp-protobuf", () => otlpTarget(decodeOtlpProtobuf, OTLP_PROTOBUF)],
    ["read:rule-event", ruleEventTarget],
  ];
}
