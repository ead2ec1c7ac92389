/** Joins those who hold dead letters, sinks and sources, for whoever tends them. */
import type { Platform } from "../shared/platform/platform.ts";
import type { Selectors } from "../shared/protocol/selected-event.ts";
import type { Processor } from "./process/processor.ts";
import { ProcessorRecords } from "./processor-records.ts";
import type { LetterHolder } from "./serve/dead-letters.ts";
import type { NumberedLetter } from "./sinks/dead-letters.ts";
import type { Delivery } from "./sinks/deliver.ts";
import type { LeavingRecords } from "./sources/count-records.ts";
import { InletLetters } from "./sources/inlet-letters.ts";
import { FILE_BYTES, requestCounter } from "./sources/posted-records.ts";
import type { Source } from "./sources/source.ts";
import { readInlets, readLettersAfter } from "./state/read-inlets.ts";

/** The results that a sink refused, of one kind and partition. */
export function sinkHolder(delivery: Delivery): LetterHolder {
  const { place, letters, office } = delivery;
  const { name } = delivery.status;
  return {
    ...{ place, kind: "sink", name },
    list: (after, limit) =>
      letters.list(after, limit).map((found) => ({
        number: found.number,
        json: letterJson(delivery, found),
      })),
    replay: async (numbers) => {
      const { replayed, refused, failure } = await office.replay(numbers);
      return { done: replayed, refused, failure };
    },
    drop: async (numbers) => ({ done: await office.drop(numbers), failure: undefined }),
  };
}

/** What sources need to count letters after all. */
export interface SourceHolderParts {
  readonly processor: Processor;
  readonly sources: readonly Source[];
  readonly platform: Platform;
  readonly maxFutureMs: number;
  readonly posted: LeavingRecords;
  readonly selectors: () => Selectors;
}

/** The records of every inlet that were no events and are still kept. */
export function sourceHolders(parts: SourceHolderParts): LetterHolder[] {
  const { processor, sources, platform, maxFutureMs, selectors, posted: leaving } = parts;
  const records = new ProcessorRecords(processor);
  const holders: LetterHolder[] = [];
  for (const view of processor.agentViews()) {
    for (const { tenant, source, place, letterCount } of readInlets(view)) {
      if (letterCount === 0) continue;
      const name = { tenant, source, place };
      const letters = new InletLetters({
        ...{ name, records, platform, maxFutureMs },
        kept: (after, limit) => readLettersAfter(view, name, after, limit),
        newCounter: (names) =>
          names === undefined
            ? sources.find((each) => each.name === source)?.counterOf(place)
            : requestCounter(
                { source, ...names, selectors, leaving },
                platform.random.bytes(FILE_BYTES),
              ),
      });
      holders.push({
        ...{ place: letters.place, kind: "source", name: source },
        list: (after, limit) => letters.list(after, limit),
        replay: (numbers) => letters.replay(numbers),
        drop: (numbers) => letters.drop(numbers),
      });
    }
  }
  return holders;
}

function letterJson(delivery: Delivery, { number, letter }: NumberedLetter): object {
  const { name, results } = delivery.status;
  const { reason, refusedAtMs, result } = letter;
  const shown: unknown = JSON.parse(result.json);
  return {
    id: `${delivery.place}#${number}`,
    sink: name,
    results,
    reason,
    refusedAt: new Date(refusedAtMs).toISOString(),
    resultId: result.id,
    revision: result.revision,
    result: shown,
  };
}
