/** Whatever a store does with the writes of a delivery, in the end it holds the newest revision of everything that it did not refuse. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Delivery } from "../../aggregator/sinks/deliver.ts";
import type {
  ConfiguredSink,
  Result,
  Sink,
  WriteFailure,
  WriteReport,
} from "../../aggregator/sinks/sink.ts";
import { MemoryState, MemoryStore } from "../../aggregator/state/memory-store.ts";
import type { Logger } from "../../shared/log.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../shared/platform/simulated/simulation.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import { MemoryFeed } from "../unit/aggregator/sinks/memory-feed.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const WRITE_TIMEOUT_MS = 1_000;

/** What happens to one write, or to one of its results. */
const fates = ["taken", "taken", "busy", "refused", "no answer", "arrives late", "slow"] as const;
type Fate = (typeof fates)[number];

/** A store whose answers are drawn beforehand; when none are left it takes everything. */
class MoodyStore {
  readonly held = new Map<string, number>();
  readonly #fates: Fate[];
  readonly #timers: Timers;
  readonly #compares: boolean;

  constructor(drawn: readonly Fate[], timers: Timers, compares: boolean) {
    this.#fates = [...drawn];
    this.#timers = timers;
    this.#compares = compares;
  }

  open(): Sink {
    return {
      position: undefined,
      write: (results) => this.#write(results),
      close: async () => {},
    };
  }

  async #write(results: readonly Result[]): Promise<WriteReport> {
    const fate = this.#fates.shift() ?? "taken";
    if (fate === "no answer") throw new Error("no answer");
    if (fate === "arrives late") {
      // As late as the old request can be under way, and whatever was written meanwhile.
      void this.#timers.sleep(WRITE_TIMEOUT_MS - 1).then(() => this.#take(results));
      throw new Error("timed out");
    }
    if (fate === "slow") await this.#timers.sleep(WRITE_TIMEOUT_MS / 2);
    const failures: WriteFailure[] = [];
    const taken: Result[] = [];
    for (const [index, result] of results.entries()) {
      const each = fate === "busy" || fate === "refused" ? (this.#fates.shift() ?? "taken") : fate;
      if (each === "busy" || each === "refused") {
        failures.push({ index, reason: each, isRetryable: each === "busy" });
      } else taken.push(result);
    }
    this.#take(taken);
    return { failures };
  }

  #take(results: readonly Result[]): void {
    for (const { id, revision } of results) {
      if (this.#compares && (this.held.get(id) ?? 0) >= revision) continue;
      this.held.set(id, revision);
    }
  }
}

const touches = fc.array(
  fc.record({
    service: fc.constantFrom("a", "b", "c"),
    minute: fc.integer({ min: 0, max: 2 }),
    waitMs: fc.integer({ min: 0, max: 500 }),
    crashes: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

describe("a delivery", () => {
  it.each([
    ["a store that compares revisions, through crashes", "idempotent", true],
    ["a store where the last write wins", "last_wins", false],
  ] as const)(
    "leaves the newest revision of everything in %s",
    async (_name, delivery, crashes) => {
      await fc.assert(
        fc.asyncProperty(
          touches,
          fc.array(fc.constantFrom(...fates), { maxLength: 40 }),
          async (steps, drawn) => {
            const simulation = new Simulation(1);
            const host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
            const outside = new SimulatedHost(
              simulation,
              "store",
              new SimulatedNetwork(simulation),
            );
            const { timers } = outside.start("store").platform;
            const [feed, state] = [new MemoryFeed(), new MemoryState()];
            const store = new MoodyStore(drawn, timers, delivery === "idempotent");
            const sink: ConfiguredSink = {
              ...{ name: "moody", type: "moody", delivery, batchCount: 3, flushIntervalMs: 200 },
              ...{ writeTimeoutMs: WRITE_TIMEOUT_MS, deadLetterCountMax: 1_000, windowMinutes: 1 },
              results: ["windows"],
              files: [],
              open: async () => store.open(),
            };
            const start = () => {
              const { platform } = host.start("aggregator");
              const parts = { sink, place: "moody", feed, store: new MemoryStore(state), platform };
              return new Delivery({ ...parts, logger: quiet, results: "windows" });
            };
            let running = start();
            for (const { service, minute, waitMs, crashes: isCrash } of steps) {
              feed.touch(service, minute);
              await simulation.run(simulation.timeMs + waitMs);
              if (!crashes || !isCrash) continue;
              host.crash();
              running = start();
            }
            await simulation.run(simulation.timeMs + 3_600_000);
            expect(running.status).toMatchObject({
              change: feed.newestChange(),
              failure: undefined,
            });
            const dead = new Set(
              running.letters
                .list(-1, 1_000)
                .map(({ letter }) => `${letter.result.id}:${letter.result.revision}`),
            );
            for (const change of feed.changes(0, 1_000)) {
              const newest = change.result(1);
              if (newest === undefined || store.held.get(newest.id) === newest.revision) continue;
              expect(dead).toContain(`${newest.id}:${newest.revision}`);
            }
          },
        ),
        { numRuns: 500 },
      );
    },
  );
});
