import type { InletEntry, InletName } from "./log/inlet-entry.ts";
import type { Processor } from "./process/processor.ts";
import type { InletStanding, InletWord, RecordLog } from "./sources/record-log.ts";
import { readInlet } from "./state/read-inlets.ts";

/** What a processor offers to sources. */
export class ProcessorRecords implements RecordLog {
  readonly #processor: Processor;

  constructor(processor: Processor) {
    this.#processor = processor;
  }

  standing(name: InletName): InletStanding {
    const view = this.#processor.inletView(name);
    if (view === undefined) return { isOwned: false };
    return { isOwned: true, position: readInlet(view, name)?.position };
  }

  async append(
    entry: InletEntry,
  ): Promise<{ word(signal: AbortSignal): Promise<InletWord | undefined> }> {
    const appended = await this.#processor.append(entry);
    return {
      word: async (signal) => {
        const result = await appended.result(signal);
        return result?.kind === "inlet" ? result : undefined;
      },
    };
  }
}
