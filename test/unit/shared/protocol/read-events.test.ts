import { describe, expect, it } from "vitest";
import { decodeBatch, encodeBatch } from "../../../../shared/protocol/codec.ts";
import { EventColumns } from "../../../../shared/protocol/event-columns.ts";
import { EVENT_TIME_MS_MAX } from "../../../../shared/protocol/event-limits.ts";
import { readEvents } from "../../../../shared/protocol/read-events.ts";
import type { SelectedEvent } from "../../../../shared/protocol/selected-event.ts";
import {
  BYTES,
  createReader,
  createWriter,
  finish,
  tag,
} from "../../../../shared/protocol/wire.ts";
import { type PackedKind, writePacked } from "../../../../shared/protocol/write-packed.ts";
import { EMPTY_BATCH } from "./sample-batch.ts";

const event: SelectedEvent = {
  stream: "business-events",
  source: "app",
  file: 3,
  generation: 0,
  offset: 120,
  index: 0,
  timeMs: 1_795_430_400_123,
  type: "LOGIN",
  fields: { userId: "u1", amount: 12.5 },
};

/** One event of stream, source and type `a` without fields. */
function plain(): EventColumns {
  const columns = new EventColumns();
  const { stream, source, file, generation, offset, index, timeMs, type, shape } = columns;
  for (const column of [stream, source, file, generation, offset, index, timeMs, type, shape]) {
    column.push(0);
  }
  columns.shapes.push([]);
  return columns;
}

/** The columns as they travel, read again. */
function read(columns: EventColumns): SelectedEvent[] {
  const writer = createWriter();
  const { longTexts, shapes, ...packed } = columns;
  const fields: Record<keyof typeof packed, readonly [number, PackedKind]> = {
    stream: [1, "uint32"],
    source: [2, "uint32"],
    file: [3, "uint64"],
    generation: [4, "uint32"],
    offset: [5, "sint64"],
    index: [6, "uint32"],
    timeMs: [7, "sint64"],
    type: [8, "uint32"],
    shape: [9, "uint32"],
    kinds: [11, "uint32"],
    integers: [12, "sint64"],
    doubles: [13, "double"],
    texts: [14, "uint32"],
    sizes: [16, "uint32"],
  };
  for (const [name, values] of Object.entries(packed)) {
    for (const [field, [number, kind]] of Object.entries(fields)) {
      if (field === name) writePacked(writer, number, kind, values);
    }
  }
  for (const names of shapes) {
    writer.uint32(tag(10, BYTES)).fork();
    writePacked(writer, 1, "uint32", names);
    writer.ldelim();
  }
  for (const text of longTexts) writer.uint32(tag(15, BYTES)).string(text);
  const bytes = finish(writer);
  return readEvents(createReader(bytes), bytes.length, ["a", "b"]);
}

describe("reading events", () => {
  it("gives back what was written, a name like any other", () => {
    const fields: SelectedEvent["fields"] = JSON.parse('{"__proto__": 1, "a": {"__proto__": [2]}}');
    const events = [event, { ...event, offset: 7, timeMs: -1, type: null, fields }];
    const read = decodeBatch(encodeBatch({ ...EMPTY_BATCH, events })).events;
    expect(read).toEqual(events);
    expect(Object.keys(read[1]?.fields ?? {})).toEqual(["__proto__", "a"]);
  });

  it("reads the smallest event", () => {
    expect(read(plain())).toEqual([
      {
        ...{ stream: "a", source: "a", file: 0, generation: 0, offset: 0, index: 0 },
        ...{ timeMs: 0, type: null, fields: {} },
      },
    ]);
  });

  it.each([
    ["columns of different lengths", { file: [] }, "differ in length"],
    ["a stream that is in no table", { stream: [2] }, "not in the string table"],
    ["a type that is in no table", { type: [3] }, "not in the string table"],
    ["a shape that is not there", { shape: [1] }, "too short"],
    ["a name twice in a shape", { shapes: [[1, 1]] }, "twice"],
    ["a negative offset", { offset: [-1] }, "offset"],
    ["a time beyond all dates", { timeMs: [EVENT_TIME_MS_MAX + 1] }, "beyond all dates"],
    ["a missing value", { shapes: [[1]] }, "too short"],
    ["an unknown kind of value", { shapes: [[1]], kinds: [9] }, "kind 9"],
    ["values that nobody names", { kinds: [0] }, "left over"],
    ["texts that nobody names", { texts: [0] }, "left over"],
    [
      "a list that says it is endless",
      { shapes: [[1]], kinds: [7], sizes: [2 ** 32 - 1] },
      "short",
    ],
    [
      "lists nested too deeply",
      { shapes: [[1]], kinds: Array<number>(9).fill(7), sizes: Array<number>(9).fill(1) },
      "nested too deeply",
    ],
    [
      "an event beyond the limit",
      { shapes: [[1]], kinds: [6], longTexts: ["x".repeat(16_384)] },
      "too large",
    ],
    ["too many values", { kinds: Array<number>(2 ** 20 + 1).fill(0) }, "1048577 values"],
    ["too many events", { stream: Array<number>(2 ** 17 + 1).fill(0) }, "131073 events"],
  ])("refuses %s", (_, change, message) => {
    expect(() => read(Object.assign(plain(), change))).toThrow(message);
  });

  it("refuses events twice", () => {
    const once = encodeBatch({ ...EMPTY_BATCH, events: [event] });
    const writer = createWriter();
    writer.uint32(tag(12, BYTES)).fork().ldelim();
    expect(() => decodeBatch(Buffer.concat([once, finish(writer)]))).toThrow("events twice");
  });
});

describe("reading holes", () => {
  it.each([
    ["of no event", { count: 0 }],
    ["that ends before it begins", { fromMs: 1 }],
    ["beyond all dates", { fromMs: -EVENT_TIME_MS_MAX - 1 }],
  ])("refuses one %s", (_, change) => {
    const hole = { stream: "s", fromMs: 0, toMs: 0, count: 1, ...change };
    expect(() => decodeBatch(encodeBatch({ ...EMPTY_BATCH, holes: [hole] }))).toThrow("hole");
  });
});
