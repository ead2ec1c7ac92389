import { z } from "zod";
import type { Dimensions } from "../../shared/aggregates/dimensions.ts";
import { secret } from "../../shared/config/secret.ts";
import {
  basicAuthorization,
  callStore,
  httpAddress,
  pick,
  type StoreAnswer,
  writeHalving,
} from "./http-store.ts";
import { REMOTE_WRITE_HEADERS, remoteWriteBody, type Sample } from "./remote-write.ts";
import {
  defineSink,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WindowResult,
  type WriteContext,
  type WriteReport,
} from "./sink.ts";
import { measureNumbers, readWindowFields, type WindowFields } from "./window-fields.ts";

/**
 * Sends the numbers of each window as samples at the window's end to whatever takes Prometheus' remote write. Such a store does not replace
 * a sample, so nothing is sent before a window is final. What is exact then: a window for which nothing came after it was final (`state`:
 * final) has its numbers there and no others, however often they were sent. One that was corrected is sent again with every revision, and
 * the store decides: Prometheus refuses what comes second (it is then among the dead letters, and the first final numbers stay);
 * VictoriaMetrics keeps all and shows any of them, of which the one with the most requests is the newest. Where corrections matter, another sink
 * is the better choice.
 */
export const sink = defineSink({
  summary: "Sends the metrics of every service to a store that takes Prometheus' remote write.",
  delivery: "at_least_once",
  windowMinutes: 1,
  config: z
    .strictObject({
      ...sinkSettings("prometheus"),
      url: httpAddress.meta({
        description: "Where samples are written, with its path.",
        examples: ["http://127.0.0.1:8428/api/v1/write"],
      }),
      labels: z
        .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
        .prefault({})
        .meta({ description: "Labels that every sample gets.", examples: [{ site: "berlin" }] }),
      username: z.string().min(1).optional().meta({ description: "User to sign in as." }),
      password: secret("Password of the user.").optional(),
      token: secret("Bearer token to sign in with.").optional(),
    })
    .check(({ value, issues }) => {
      if ((value.username === undefined) === (value.password === undefined)) return;
      const message = "expected username and password together";
      issues.push({ code: "custom", message, path: ["username"], input: value });
    }),
  open: async (config, context) => new PrometheusSink(config, context),
});

interface PrometheusSettings {
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

class PrometheusSink implements Sink {
  /** Nothing to keep. */
  readonly position = undefined;
  readonly #settings: PrometheusSettings;
  readonly #context: SinkContext;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(settings: PrometheusSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.#headers = {
      ...REMOTE_WRITE_HEADERS,
      ...(settings.token === undefined
        ? basicAuthorization(settings)
        : { authorization: `Bearer ${settings.token}` }),
    };
  }

  async write(results: readonly WindowResult[], context: WriteContext): Promise<WriteReport> {
    const windows = results.map(({ json }) => readWindowFields(json));
    const settled = windows.flatMap(({ state }, index) => (state === "provisional" ? [] : index));
    const report = await writeHalving(settled, (indexes) => {
      const samples = indexes.flatMap((index) =>
        pick(results, [index]).flatMap((result) =>
          windowSamples(this.#settings.labels, result, windows[index]),
        ),
      );
      return this.#send(samples, context);
    });
    return { ...report, ignoredCount: results.length - settled.length };
  }

  async close(): Promise<void> {
    // Connections are the platform's.
  }

  #send(samples: readonly Sample[], context: WriteContext): Promise<StoreAnswer> {
    const { url } = this.#settings;
    const call = { url, headers: this.#headers, body: remoteWriteBody(samples) };
    return callStore(call, context, this.#context, (status) => REFUSALS.includes(status));
  }
}

/** What the protocol calls invalid data; a missing path or right is for the operator to mend. */
const REFUSALS: readonly number[] = [400, 409, 413, 422];

/** The samples of a window, in the units that Prometheus knows: seconds and ratios. */
function windowSamples(
  labels: Readonly<Record<string, string>>,
  { stream, service, dimensions, windowEndMs: timestampMs }: WindowResult,
  window: WindowFields | undefined,
): Sample[] {
  if (window === undefined) return [];
  const { latency, avgLatency } = window;
  // Names of their own: the parts of a service would count twice beside the whole.
  const prefix = dimensions === undefined ? "service_metrics" : "service_metrics_by";
  const apart = dimensionLabels(dimensions ?? {});
  const sample = (name: string, value: number, more: Readonly<Record<string, string>> = {}) => ({
    labels: { ...apart, ...labels, __name__: `${prefix}_${name}`, stream, service, ...more },
    value,
    timestampMs,
  });
  return [
    sample("requests", window.requestCount),
    sample("errors", window.errorCount),
    sample("error_ratio", window.errorRate),
    ...(avgLatency === null ? [] : [sample("latency_average_seconds", avgLatency / 1_000)]),
    ...(latency === null
      ? []
      : [
          sample("latency_seconds", latency.min / 1_000, { quantile: "0" }),
          sample("latency_seconds", latency.p50 / 1_000, { quantile: "0.5" }),
          sample("latency_seconds", latency.p95 / 1_000, { quantile: "0.95" }),
          sample("latency_seconds", latency.p99 / 1_000, { quantile: "0.99" }),
          sample("latency_seconds", latency.max / 1_000, { quantile: "1" }),
        ]),
    ...measureNumbers(window).map(({ name, kind, value }) =>
      sample("measure", value, { measure: name, kind }),
    ),
  ];
}

/** Names as Prometheus takes them; an empty value is no label. */
function dimensionLabels(dimensions: Dimensions): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(dimensions)) {
    const plain = name.replace(/\W/g, "_").replace(/^(?=\d)/, "_");
    if (value !== "") labels[RESERVED.has(plain) ? `${plain}_` : plain] = value;
  }
  return labels;
}

const RESERVED: ReadonlySet<string> = new Set([
  ...["__name__", "stream", "service", "quantile", "measure", "kind"],
]);
