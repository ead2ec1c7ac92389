import { join } from "node:path";
import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { Aggregate, LEVELS } from "../../../../shared/aggregates/aggregate.ts";
import { makeDimensions } from "../../../../shared/aggregates/dimensions.ts";
import type { Batch, Checkpoint } from "../../../../shared/protocol/batch.ts";
import { decodeBatch, encodeBatch } from "../../../../shared/protocol/codec.ts";
import {
  EVENT_BYTES_MAX,
  EVENT_TIME_MS_MAX,
  eventBytes,
} from "../../../../shared/protocol/event-limits.ts";
import type { SelectedEvent } from "../../../../shared/protocol/selected-event.ts";
import type { SelectedLine } from "../../../../shared/protocol/selected-line.ts";
import { MalformedError } from "../../../../shared/protocol/wire.ts";
import { detail } from "../aggregates/sample-details.ts";
import { EMPTY_BATCH } from "./sample-batch.ts";

function aggregateOf(durations: readonly number[], levels: readonly number[]): Aggregate {
  const aggregate = new Aggregate();
  for (const [index, level] of levels.entries()) aggregate.add(level, durations[index] ?? -1);
  return aggregate;
}

const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 12 })
  .map((text) => text.toWellFormed());
const hex = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const size = fc.maxSafeNat();
const aggregate = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 30 }),
    fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 40 }).map(Math.floor)), {
      maxLength: 30,
    }),
  )
  .map(([levels, durations]) =>
    aggregateOf(
      durations.map((value) => value % (2 ** 30 * 1000)),
      levels,
    ),
  )
  .filter((value) => value.requestCount > 0);
const detailed = fc.tuple(aggregate, detail).map(([value, part]) => {
  value.mergeDetail(part);
  return value;
});
const dimensions = fc
  .array(fc.tuple(name, name), { minLength: 1, maxLength: 4 })
  .map((pairs) => makeDimensions(pairs));
const checkpoint: fc.Arbitrary<Checkpoint> = fc.record({
  source: name,
  file: size,
  path: name,
  device: name,
  inode: name,
  birthMs: fc.option(fc.integer(), { nil: undefined }),
  modifiedMs: fc.option(fc.integer(), { nil: undefined }),
  fingerprintBytes: fc.integer({ min: 0, max: 1024 }),
  fingerprint: hex,
  generation: fc.nat(),
  offset: size,
  from: size,
  guardBytes: fc.integer({ min: 0, max: 256 }),
  guard: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  held: fc.array(
    fc.nat().map((from) => ({ from, to: from + 7 })),
    { maxLength: 3 },
  ),
  unterminated: fc.boolean(),
  complete: fc.boolean(),
  removed: fc.boolean(),
});
const wellFormed = (text: string) => text.toWellFormed();
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 7, depthSize: "small" },
    fc.constantFrom(
      null,
      true,
      false,
      -0,
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER,
      2 ** 53,
    ),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string({ unit: "binary", maxLength: 100 }).map(wellFormed),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 4 }).map(wellFormed), tie("value"), { maxKeys: 3 }),
  ),
}));
const event: fc.Arbitrary<SelectedEvent> = fc
  .record({
    stream: name,
    source: name,
    file: size,
    generation: fc.nat(),
    offset: size,
    index: fc.nat(),
    timeMs: fc.integer({ min: -EVENT_TIME_MS_MAX, max: EVENT_TIME_MS_MAX }),
    type: fc.option(name, { nil: null }),
    fields: fc
      .dictionary(fc.oneof(name, fc.constantFrom("__proto__", "constructor", "7")), value)
      .map((fields) => Object.fromEntries(Object.entries(fields))),
  })
  .filter((found) => eventBytes(found) <= EVENT_BYTES_MAX);
const line: fc.Arbitrary<SelectedLine> = fc.record({
  stream: name,
  source: name,
  file: size,
  generation: fc.nat(),
  offset: size,
  timeMs: fc.integer({ min: -EVENT_TIME_MS_MAX, max: EVENT_TIME_MS_MAX }),
  service: name,
  level: fc.constantFrom(...LEVELS),
  line: fc.string({ unit: "binary", maxLength: 100 }).map(wellFormed),
  weight: fc.oneof(fc.constant(1), fc.double({ min: 1, max: 1e9, noNaN: true })),
});
const plainBatch: fc.Arbitrary<Batch> = fc.record({
  agent: name,
  epoch: hex,
  sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  previousDigest: hex,
  sealedAtMs: fc.integer(),
  deltas: fc.array(
    fc.record(
      {
        stream: name,
        service: name,
        minute: fc.integer({ min: -(2 ** 31), max: 2 ** 33 }),
        dimensions,
        aggregate: fc.oneof(aggregate, detailed),
      },
      { requiredKeys: ["stream", "service", "minute", "aggregate"] },
    ),
    { maxLength: 6 },
  ),
  checkpoints: fc.array(checkpoint, { maxLength: 4 }),
  sources: fc.array(
    fc.record({
      source: name,
      state: fc.constantFrom("live" as const, "idle" as const, "ended" as const),
      eventTimeMaxMs: fc.option(fc.integer(), { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  ledger: fc.array(
    fc.record({
      source: name,
      kind: fc.constantFrom("aggregated" as const, "noted" as const, "events_shed" as const),
      reason: fc.string({ maxLength: 5 }).map((text) => text.toWellFormed()),
      lines: size,
      bytes: size,
    }),
    { maxLength: 4 },
  ),
  tombstone: fc.option(
    fc.record({ reason: fc.constant("malformed_batch" as const), replacedDigest: hex }),
    { nil: undefined },
  ),
  events: fc.array(event, { maxLength: 6 }),
  holes: fc.array(
    fc.record({
      stream: name,
      fromMs: fc.integer({ max: 0 }),
      toMs: fc.nat(),
      count: fc.integer({ min: 1 }),
    }),
    { maxLength: 3 },
  ),
  selectorRevision: fc.constantFrom("", "0badcafe"),
});
const batch: fc.Arbitrary<Batch> = fc
  .tuple(plainBatch, fc.array(line, { maxLength: 4 }))
  .map(([plain, lines]) => (lines.length === 0 ? plain : { ...plain, lines }));

describe("encodeBatch and decodeBatch", () => {
  it("give back every batch as it was", () => {
    fc.assert(
      fc.property(batch, (original) => {
        expect(decodeBatch(encodeBatch(original))).toEqual(original);
      }),
      { numRuns: 300 },
    );
  });

  it("write what protobufjs reads by the .proto file", async () => {
    const root = await protobuf.load(
      join(import.meta.dirname, "../../../../shared/protocol/tailrace.proto"),
    );
    const type = root.lookupType("tailrace.v1.Batch");
    fc.assert(
      fc.property(batch, (original) => {
        const bytes = encodeBatch(original);
        const read = type.toObject(type.decode(bytes), { defaults: true, arrays: true });
        expect(read["agent"]).toBe(original.agent);
        expect(Number(read["sequence"])).toBe(original.sequence);
        expect(read["checkpoints"]).toHaveLength(original.checkpoints.length);
        expect(read["events"]?.shape ?? []).toHaveLength(original.events.length);
        const deltas = read["deltas"] ?? { service: [] };
        expect(deltas.service).toHaveLength(original.deltas.length);
        expect(deltas.service.map((index: number) => read["strings"][index])).toEqual(
          original.deltas.map((delta) => delta.service),
        );
        // Protobufjs writes the same message again so that ours reads it: both agree on every field number and type.
        expect(decodeBatch(Buffer.from(type.encode(type.decode(bytes)).finish()))).toEqual(
          original,
        );
      }),
      { numRuns: 100 },
    );
  });

  it("never throw anything but MalformedError at changed bytes", () => {
    fc.assert(
      fc.property(batch, fc.nat(), fc.integer({ min: 1, max: 255 }), (original, place, flip) => {
        const bytes = encodeBatch(original);
        const at = place % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        try {
          decodeBatch(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuse a field that this version does not know", () => {
    const bytes = Buffer.concat([
      encodeBatch(EMPTY_BATCH),
      Buffer.from([((19 << 3) & 0x7f) | 0x80, 1, 1]),
    ]);
    expect(() => decodeBatch(bytes)).toThrow("unknown field: number 19");
  });

  it("refuse more rows than an agent ever seals, however well they compress", () => {
    const rows = Buffer.alloc(2 ** 17 + 1);
    const column = protobuf.Writer.create().uint32(10).bytes(rows).finish();
    const deltas = protobuf.Writer.create().uint32(58).bytes(column).finish();
    const bytes = Buffer.concat([encodeBatch(EMPTY_BATCH), deltas]);
    expect(() => decodeBatch(bytes)).toThrow("131073 rows are more than the 131072");
  });

  it("refuse a bin so far out that a dense list of bins would fill the memory", () => {
    const aggregate = aggregateOf([5], [2]);
    aggregate.sketch.first = 2 ** 30;
    const delta = { stream: "s", service: "a", minute: 1, aggregate };
    expect(() => decodeBatch(encodeBatch({ ...EMPTY_BATCH, deltas: [delta] }))).toThrow(
      "a bin is out of range",
    );
  });
});
