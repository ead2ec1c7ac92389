/** The aggregator's own metrics in Prometheus' text format. Names are `tailrace_<part>_<name>_<unit>`. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { readHeap } from "../../shared/platform/heap.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import { type AlertFigures, defineAlertMetrics } from "./alert-metrics.ts";
import { type ArchiveFigures, defineArchiveMetrics } from "./archive-metrics.ts";
import { defineRuleMetrics, type RuleFigures } from "./rule-metrics.ts";

/** How a sink is doing. */
export interface SinkFigures {
  readonly name: string;
  /** The kind of results: a sink that takes several has figures for each. */
  readonly results: string;
  readonly writtenCount: number;
  /** Results given to the sink, by what became of them. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly failedWriteCount: number;
  readonly breaker: "closed" | "half_open" | "open";
  readonly deadTotal: number;
  /** Changes that the sink has yet to get, at most. */
  readonly behindCount: number;
  /** Why its last write failed; undefined when it did not. */
  readonly failure: string | undefined;
}

/** How an inlet of a source is doing. */
export interface InletFigures {
  readonly source: string;
  readonly place: string;
  /** Records in windows. */
  readonly recordCount: number;
  /** Records that were no events. */
  readonly deadTotal: number;
  /** Records that wait to be read; undefined while that is not known. */
  readonly behindCount: number | undefined;
}

/** What is read off when metrics are asked for. */
export interface Figures {
  readonly isReady: boolean;
  readonly inFlightBytes: number;
  /** The log's clock; milliseconds since the Unix epoch, undefined before the first tick. */
  readonly clockMs: number | undefined;
  readonly watermarkMs: number | undefined;
  readonly agentCount: number;
  readonly receivedLines: number;
  readonly mergedLines: number;
  readonly tooLateLines: number;
  /** Revisions of windows that were given. */
  readonly windowChanges: number;
  readonly sinks: readonly SinkFigures[];
  readonly inlets: readonly InletFigures[];
  readonly rules: readonly RuleFigures[];
  readonly alerts: readonly AlertFigures[];
  /** Undefined: nothing is archived. */
  readonly archive: ArchiveFigures | undefined;
}

const BREAKER_STATES = ["closed", "half_open", "open"] as const;

/** See the head of this file. Every aggregator has its own. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => Figures;
  /** Read once for each answer. */
  #figures: Figures | undefined;
  readonly #requests: Counter<"route" | "status">;
  readonly #durations: Histogram<"route">;
  readonly #refusals: Counter<"code">;
  readonly #callers: Counter<"reason">;
  readonly #records: Counter<"outcome">;
  readonly #bytes: Counter;

  /** `isWholeProcess`: adds the figures of the Node process, of which there is one. */
  constructor(read: () => Figures, isWholeProcess: boolean) {
    this.#read = read;
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "tailrace_http_requests_total",
      help: "Requests answered.",
      labelNames: ["route", "status"],
      registers,
    });
    this.#durations = new Histogram({
      name: "tailrace_http_request_duration_seconds",
      help: "Time from a whole request to its answer.",
      labelNames: ["route"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#refusals = new Counter({
      name: "tailrace_receive_refusals_total",
      help: "Requests of agents that were refused; nothing of them was counted.",
      labelNames: ["code"],
      registers,
    });
    this.#callers = new Counter({
      name: "tailrace_access_refusals_total",
      help: "Requests and connections that were refused for what their sender is, shows or does too often.",
      labelNames: ["reason"],
      registers,
    });
    this.#records = new Counter({
      name: "tailrace_receive_records_total",
      help: "Records of agents by what became of them.",
      labelNames: ["outcome"],
      registers,
    });
    this.#bytes = new Counter({
      name: "tailrace_receive_bytes_total",
      help: "Bytes of requests that were appended to the log.",
      registers,
    });
    const figures = () => this.#figures ?? read();
    this.#defineState(figures);
    this.#defineSinks(figures);
    this.#defineInlets(figures);
    defineRuleMetrics(this.#registry, () => figures().rules);
    defineAlertMetrics(this.#registry, () => figures().alerts);
    defineArchiveMetrics(this.#registry, () => figures().archive);
    if (isWholeProcess) this.#defineProcess();
  }

  /** A request was answered. `route` is one of few. */
  answered(route: string, status: number, durationMs: number): void {
    this.#requests.inc({ route, status: String(status) });
    this.#durations.observe({ route }, durationMs / 1_000);
  }

  /** A request of an agent was refused. */
  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  /** Somebody was refused for what they are, show, or do too often. */
  callerRefused(reason: string): void {
    this.#callers.inc({ reason });
  }

  /** A request of an agent is in the log. */
  accepted(bytes: number): void {
    this.#bytes.inc(bytes);
  }

  /** Stage 1 said what became of a record. */
  recorded(outcome: string): void {
    this.#records.inc({ outcome });
  }

  /** Answers `GET /metrics`. */
  async answer(): Promise<HttpResponse> {
    this.#figures = this.#read();
    const text = await this.#registry.metrics();
    const headers = { "content-type": this.#registry.contentType };
    return { status: 200, headers, body: Buffer.from(text) };
  }

  #defineProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
    const limit = new Gauge({
      name: "tailrace_heap_limit_bytes",
      help: "Bytes that JavaScript's heap may grow to.",
      registers: [],
      collect() {
        this.set(readHeap().limitBytes);
      },
    });
    this.#registry.registerMetric(limit);
  }

  #defineState(read: () => Figures): void {
    const gauge = (name: string, help: string, value: (figures: Figures) => number | undefined) => {
      const collect = function (this: Gauge) {
        this.set(value(read()) ?? Number.NaN);
      };
      this.#registry.registerMetric(new Gauge({ name, help, registers: [], collect }));
    };
    const total = (name: string, help: string, value: (figures: Figures) => number) => {
      const collect = function (this: Counter) {
        this.reset();
        this.inc(value(read()));
      };
      this.#registry.registerMetric(new Counter({ name, help, registers: [], collect }));
    };
    const seconds = (timeMs: number | undefined) =>
      timeMs === undefined ? undefined : timeMs / 1_000;
    gauge("tailrace_ready", "1 while everything progresses.", ({ isReady }) => (isReady ? 1 : 0));
    gauge(
      "tailrace_receive_in_flight_bytes",
      "Bytes of requests under way.",
      (figures) => figures.inFlightBytes,
    );
    gauge("tailrace_log_clock_seconds", "The log's clock, since the Unix epoch.", (figures) =>
      seconds(figures.clockMs),
    );
    gauge("tailrace_watermark_seconds", "The watermark, since the Unix epoch.", (figures) =>
      seconds(figures.watermarkMs),
    );
    gauge("tailrace_agents", "Agents known.", ({ agentCount }) => agentCount);
    total("tailrace_lines_received_total", "Lines in applied batches.", (f) => f.receivedLines);
    total("tailrace_lines_merged_total", "Lines merged into windows.", (f) => f.mergedLines);
    total(
      "tailrace_lines_too_late_total",
      "Lines whose window was beyond the retention.",
      (figures) => figures.tooLateLines,
    );
  }

  #defineSinks(read: () => Figures): void {
    const labelNames = ["sink", "results"] as const;
    const labels = ({ name, results }: SinkFigures) => ({ sink: name, results });
    const total = (name: string, help: string, value: (figures: SinkFigures) => number) => {
      const collect = function (this: Counter<"sink" | "results">) {
        this.reset();
        for (const sink of read().sinks) this.inc(labels(sink), value(sink));
      };
      const counter = new Counter({ name, help, labelNames, registers: [], collect });
      this.#registry.registerMetric(counter);
    };
    total("tailrace_sink_results_total", "Results written.", (sink) => sink.writtenCount);
    total("tailrace_sink_failures_total", "Failed writes.", (sink) => sink.failedWriteCount);
    total("tailrace_sink_dead_letters_total", "Results refused for good.", (s) => s.deadTotal);
    const outcomes = new Counter({
      name: "tailrace_sink_outcomes_total",
      help: "Results given to a sink, each time, by what became of them.",
      labelNames: [...labelNames, "outcome"],
      registers: [],
      collect() {
        this.reset();
        for (const sink of read().sinks) {
          for (const [outcome, count] of Object.entries(sink.outcomes)) {
            this.inc({ ...labels(sink), outcome }, count);
          }
        }
      },
    });
    this.#registry.registerMetric(outcomes);
    const gauge = (name: string, help: string, value: (figures: SinkFigures) => number) => {
      const collect = function (this: Gauge<"sink" | "results">) {
        this.reset();
        for (const sink of read().sinks) this.set(labels(sink), value(sink));
      };
      const registered = new Gauge({ name, help, labelNames, registers: [], collect });
      this.#registry.registerMetric(registered);
    };
    gauge(
      "tailrace_sink_behind_changes",
      "Changes that the sink has yet to get, at most.",
      (sink) => sink.behindCount,
    );
    gauge(
      "tailrace_sink_breaker_state",
      "Whether the sink is written to: 0 always, 1 once to see whether it is back, 2 not for now.",
      ({ breaker }) => BREAKER_STATES.indexOf(breaker),
    );
  }

  #defineInlets(read: () => Figures): void {
    const labelNames = ["source", "place"] as const;
    const labels = ({ source, place }: InletFigures) => ({ source, place });
    const total = (name: string, help: string, value: (figures: InletFigures) => number) => {
      const collect = function (this: Counter<"source" | "place">) {
        this.reset();
        for (const inlet of read().inlets) this.inc(labels(inlet), value(inlet));
      };
      const counter = new Counter({ name, help, labelNames, registers: [], collect });
      this.#registry.registerMetric(counter);
    };
    total("tailrace_source_records_total", "Records in windows.", (inlet) => inlet.recordCount);
    total(
      "tailrace_source_dead_letters_total",
      "Records that were no events.",
      (inlet) => inlet.deadTotal,
    );
    const behind = new Gauge({
      name: "tailrace_source_behind_records",
      help: "Records that wait to be read.",
      labelNames,
      registers: [],
      collect() {
        this.reset();
        for (const inlet of read().inlets) this.set(labels(inlet), inlet.behindCount ?? Number.NaN);
      },
    });
    this.#registry.registerMetric(behind);
  }
}
