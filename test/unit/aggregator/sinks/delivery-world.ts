import { Delivery } from "../../../../aggregator/sinks/deliver.ts";
import type {
  ConfiguredSink,
  DeliveryKind,
  Result,
  Sink,
  WriteContext,
  WriteFailure,
  WriteReport,
} from "../../../../aggregator/sinks/sink.ts";
import { MemoryState, MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import type { Logger } from "../../../../shared/log.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";
import { MemoryFeed } from "./memory-feed.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

/** Settings of a store that compares revisions. */
export const STORE = { delivery: "idempotent" } as const;

/** What a sink got, and how it answers. */
export class Recorder {
  readonly writes: Result[][] = [];
  readonly positions: (string | undefined)[] = [];
  answer: (
    results: readonly Result[],
    context: WriteContext,
  ) => Promise<readonly WriteFailure[] | WriteReport> = async () => [];
  inFlight = 0;
  inFlightMax = 0;

  configured(changes: Partial<ConfiguredSink> = {}): ConfiguredSink {
    return {
      name: "recorder",
      type: "recorder",
      delivery: "exactly_once",
      batchCount: 3,
      flushIntervalMs: 5_000,
      writeTimeoutMs: 1_000,
      deadLetterCountMax: 2,
      windowMinutes: 1,
      results: ["windows"],
      files: [],
      open: async ({ position }) => this.open(position, changes.delivery ?? "exactly_once"),
      ...changes,
    };
  }

  open(position: string | undefined, delivery: DeliveryKind = "exactly_once"): Sink {
    this.positions.push(position);
    let written = Number(position ?? "0");
    return {
      get position() {
        return delivery === "exactly_once" ? String(written) : undefined;
      },
      write: async (results, context) => {
        this.inFlight++;
        this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
        this.writes.push([...results]);
        try {
          const answer = await this.answer(results, context);
          written += results.length;
          return "failures" in answer ? answer : { failures: answer };
        } finally {
          this.inFlight--;
        }
      },
      close: async () => {},
    };
  }

  /** Revisions of the windows of each write, such as `a/0:1`. */
  get seen(): string[][] {
    return this.writes.map((write) => write.map(({ id, revision }) => `${id}:${revision}`));
  }
}

/** Deliveries on virtual time, from a feed that tests touch. */
export class DeliveryWorld {
  readonly simulation = new Simulation(1);
  readonly host = new SimulatedHost(this.simulation, "host", new SimulatedNetwork(this.simulation));
  readonly feed = new MemoryFeed();
  readonly state = new MemoryState();

  /** Starts one in a process of its own; another of the same sink is its next life. */
  deliver(sink: ConfiguredSink, store = new MemoryStore(this.state)): Delivery {
    const { platform } = this.host.start("aggregator");
    const parts = { sink, place: sink.name, feed: this.feed, store, platform, logger: quiet };
    return new Delivery({ ...parts, results: "windows" });
  }

  /** Lets `ms` of virtual time go by. */
  pass(ms: number): Promise<void> {
    return this.simulation.run(this.simulation.timeMs + ms);
  }
}
