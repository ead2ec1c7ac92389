import { beforeEach, describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import { StageOne } from "../../../../aggregator/collect/stage-one.ts";
import type { InletEntry } from "../../../../aggregator/log/inlet-entry.ts";
import { RecordCounter } from "../../../../aggregator/sources/count-records.ts";
import { InletLetters } from "../../../../aggregator/sources/inlet-letters.ts";
import type { RecordLog } from "../../../../aggregator/sources/record-log.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readCollectRow } from "../../../../aggregator/state/read-agents.ts";
import { readLettersAfter } from "../../../../aggregator/state/read-inlets.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { SELECTORS_NONE } from "../../../../shared/protocol/selected-event.ts";
import { REDACTOR_NONE } from "../../../../shared/redaction/redactor.ts";
import { logRecord, TEN_MS } from "../collect/sample-agent.ts";
import { INLET } from "../collect/sample-records.ts";

/** Time under a name that is not understood unless the source says so. */
const NAMED = JSON.stringify({ when: TEN_MS, service: "orders" });
const MAPPED: EventOptions = { ...EVENT_OPTIONS_DEFAULT, fields: { time: ["when"] } };

let store: MemoryStore;
let stage: StageOne;
let position: number;
/** Why the log takes nothing. */
let failure: TailraceError | undefined;

beforeEach(() => {
  store = new MemoryStore();
  stage = new StageOne(store, 1, WATERMARK_DEFAULTS);
  position = 0;
  failure = undefined;
});

/** A log whose entries are applied at once. */
const records: RecordLog = {
  standing: () => ({ isOwned: false }),
  append: async (entry: InletEntry) => {
    if (failure !== undefined) throw failure;
    const result = stage.apply(logRecord(position++, TEN_MS, entry));
    const { early, last } = stage.flush();
    await store.commit([...early, ...last]);
    return { word: async () => (result.kind === "inlet" ? result : undefined) };
  },
};

function counter(events: EventOptions, stream = "application-logs"): RecordCounter {
  const names = { source: "bus", stream, service: "bus" };
  const place = { source: "orders", file: 0 };
  return new RecordCounter({
    leaving: { redactor: REDACTOR_NONE, aggregation: undefined },
    labels: {},
    ...names,
    events,
    selectors: () => SELECTORS_NONE,
    place,
  });
}

/** The letters of an inlet whose source understands records so; undefined: it reads the inlet no more. */
function letters(events: EventOptions | undefined): InletLetters {
  return new InletLetters({
    ...{ name: INLET, records, platform: realPlatform, maxFutureMs: 600_000 },
    kept: (after, limit) => readLettersAfter(store, INLET, after, limit),
    newCounter: (names) => events && counter(events, names?.stream),
  });
}

/** Takes records as the source did when it did not understand them. */
async function take(...values: readonly string[]): Promise<void> {
  const before = counter(EVENT_OPTIONS_DEFAULT);
  for (const [index, value] of values.entries()) {
    before.add(Buffer.from(value), index, Number.POSITIVE_INFINITY);
  }
  const range = { kind: "range", from: 0, to: values.length } as const;
  await records.append({ kind: "inlet", ...INLET, records: range, ...before.take(TEN_MS) });
}

const ids = (held: InletLetters) => held.list(-1, 100).map(({ json }) => Reflect.get(json, "id"));

describe("dead letters of a source", () => {
  it("are shown with place, reason and text, under an id of their own", async () => {
    await take(NAMED, "not JSON");
    const [first, second] = letters(MAPPED).list(-1, 100);
    expect(first?.json).toMatchObject({ id: "@bus/orders/0#0", source: "bus", text: NAMED });
    expect(second?.json).toMatchObject({ position: 1, reason: "not_json", cut: false });
    expect(letters(MAPPED).list(0, 100)).toHaveLength(1);
  });

  it("are counted when the source understands them now; the others stay as they are", async () => {
    await take(NAMED, "not JSON", NAMED);
    expect(await letters(MAPPED).replay("all")).toEqual({
      ...{ done: 2, refused: 1, failure: undefined },
    });
    expect(ids(letters(MAPPED))).toEqual(["@bus/orders/0#1"]);
    expect(readCollectRow(store).receivedLines).toBe(2);
    expect(await letters(MAPPED).replay([0, 2])).toMatchObject({ done: 0, refused: 0 });
    expect(readCollectRow(store).receivedLines).toBe(2);
  });

  it("are counted page by page, only those that are named", async () => {
    await take(...Array.from({ length: 250 }, () => NAMED));
    const named = Array.from({ length: 150 }, (_, index) => 2 * index).filter((at) => at < 250);
    expect(await letters(MAPPED).replay(named)).toMatchObject({ done: 125, refused: 0 });
    expect(await letters(MAPPED).replay("all")).toMatchObject({ done: 125 });
    expect(readCollectRow(store).receivedLines).toBe(250);
  });

  it("of requests are counted in the stream that each came with", async () => {
    const before = counter(EVENT_OPTIONS_DEFAULT);
    for (const index of [0, 1, 2]) before.add(Buffer.from(NAMED), index, Number.POSITIVE_INFINITY);
    const { batch, letters: made } = before.take(TEN_MS);
    const named = made.map((letter, index) => ({
      ...letter,
      names: { stream: index === 1 ? "audit" : "orders", service: "http" },
    }));
    const request = { kind: "request", key: "", digest: "0f".repeat(16) } as const;
    await records.append({ kind: "inlet", ...INLET, records: request, batch, letters: named });
    expect(letters(MAPPED).list(-1, 1)[0]?.json).toMatchObject({ stream: "orders" });
    const streams: string[] = [];
    const tended = new InletLetters({
      ...{ name: INLET, records, platform: realPlatform, maxFutureMs: 600_000 },
      kept: (after, limit) => readLettersAfter(store, INLET, after, limit),
      newCounter: (names) => {
        streams.push(names?.stream ?? "");
        return counter(MAPPED, names?.stream);
      },
    });
    expect(await tended.replay("all")).toMatchObject({ done: 3, refused: 0 });
    expect(new Set(streams)).toEqual(new Set(["orders", "audit"]));
    expect(readCollectRow(store).receivedLines).toBe(3);
  });

  it("stay when only their beginning is kept", async () => {
    await take(JSON.stringify({ when: TEN_MS, message: "x".repeat(5_000) }));
    expect(await letters(MAPPED).replay("all")).toMatchObject({ done: 0, refused: 1 });
  });

  it("can be dropped whoever the source is, but not counted when it is gone", async () => {
    await take(NAMED, NAMED, NAMED);
    const gone = letters(undefined);
    expect((await gone.replay("all")).failure).toContain("does not read orders/0 any more");
    expect(await gone.drop([1])).toMatchObject({ done: 1, failure: undefined });
    expect(ids(gone)).toEqual(["@bus/orders/0#0", "@bus/orders/0#2"]);
    expect(await gone.drop("all")).toMatchObject({ done: 2 });
    expect(readCollectRow(store).receivedLines).toBe(0);
  });

  it("are left alone while the log takes nothing, and the reason is told", async () => {
    await take(NAMED);
    failure = new TailraceError("LOG_FULL", "The log is full.", {});
    expect(await letters(MAPPED).drop("all")).toMatchObject({ failure: "The log is full." });
    failure = undefined;
    expect(await letters(MAPPED).replay("all")).toMatchObject({ done: 1 });
  });
});
