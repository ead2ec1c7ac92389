import { z } from "zod";
import type { Dimensions } from "../../shared/aggregates/dimensions.ts";
import { secret } from "../../shared/config/secret.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import {
  basicAuthorization,
  callStore,
  httpAddress,
  pick,
  type StoreAnswer,
  writeHalving,
} from "./http-store.ts";
import { type FieldValue, pointLine, tagFault } from "./line-protocol.ts";
import {
  defineSink,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WindowResult,
  type WriteContext,
  type WriteFailure,
  type WriteReport,
} from "./sink.ts";
import { measureNumbers, readWindowFields } from "./window-fields.ts";

/**
 * Keeps each window as a point of one measurement: its tag is the service, its time the window's end. The same point again replaces the one
 * before. InfluxDB 1.x is written to by database, 2.x by bucket. Neither says which points of a request it refused, so a refused request is
 * halved until the point at fault is found.
 */
export const sink = defineSink({
  summary: "Keeps the metrics of every service as points in InfluxDB, versions 1 and 2.",
  delivery: "last_wins",
  windowMinutes: 1,
  config: z
    .strictObject({
      ...sinkSettings("influxdb"),
      url: httpAddress.meta({
        description: "Address of the server.",
        examples: ["http://127.0.0.1:8086"],
      }),
      database: z
        .string()
        .min(1)
        .optional()
        .meta({ description: "Database of InfluxDB 1.x, which must be there.", examples: ["ops"] }),
      retention_policy: z
        .string()
        .min(1)
        .optional()
        .meta({ description: "Retention policy of the database; its default when absent." }),
      username: z.string().min(1).optional().meta({ description: "User of InfluxDB 1.x." }),
      password: secret("Password of the user.").optional(),
      bucket: z.string().min(1).optional().meta({ description: "Bucket of InfluxDB 2.x." }),
      org: z.string().min(1).optional().meta({ description: "Organisation of InfluxDB 2.x." }),
      token: secret("Token of InfluxDB 2.x.").optional(),
      measurement: z
        .string()
        .regex(/^[^\r\n\\]+$/, { error: "expected a name without line ends and backslashes" })
        .prefault("service_metrics")
        .meta({ description: "Measurement that is written." }),
      stream: z
        .string()
        .min(1)
        .prefault(STREAM_DEFAULT)
        .meta({ description: "Only windows of this stream are written." }),
    })
    .check(({ value, issues }) => {
      const fault = (key: string, message: string) =>
        issues.push({ code: "custom", message, path: [key], input: value });
      const { database, bucket, username, password } = value;
      if ((database === undefined) === (bucket === undefined)) {
        fault("database", "expected a database (InfluxDB 1.x) or a bucket (2.x), not both");
      }
      if (bucket !== undefined && value.org === undefined) fault("org", "expected beside bucket");
      if ((username === undefined) !== (password === undefined)) {
        fault("username", "expected username and password together");
      }
    }),
  open: async (config, context) => new InfluxdbSink(config, context),
});

interface InfluxdbSettings {
  readonly url: string;
  readonly database?: string | undefined;
  readonly retention_policy?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly bucket?: string | undefined;
  readonly org?: string | undefined;
  readonly token?: string | undefined;
  readonly measurement: string;
  readonly stream: string;
}

class InfluxdbSink implements Sink {
  /** Points that come again replace themselves. */
  readonly position = undefined;
  readonly #settings: InfluxdbSettings;
  readonly #context: SinkContext;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(settings: InfluxdbSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.#url = writeUrl(settings);
    this.#headers = {
      "content-type": "text/plain; charset=utf-8",
      ...(settings.token === undefined
        ? basicAuthorization(settings)
        : { authorization: `Token ${settings.token}` }),
    };
  }

  async write(results: readonly WindowResult[], context: WriteContext): Promise<WriteReport> {
    const failures: WriteFailure[] = [];
    const writable: number[] = [];
    let ignoredCount = 0;
    for (const [index, { stream, service }] of results.entries()) {
      const fault = tagFault(service);
      if (stream !== this.#settings.stream) ignoredCount++;
      else if (fault === undefined) writable.push(index);
      else {
        const reason = `line protocol cannot hold the service's name: ${fault}`;
        failures.push({ index, reason, isRetryable: false });
      }
    }
    const report = await writeHalving(writable, (indexes) =>
      this.#send(pick(results, indexes), context),
    );
    return { ...report, failures: [...failures, ...report.failures], ignoredCount };
  }

  async close(): Promise<void> {
    // Connections are the platform's.
  }

  #send(results: readonly WindowResult[], context: WriteContext): Promise<StoreAnswer> {
    const { measurement } = this.#settings;
    const lines = results.map((result) => `${windowLine(measurement, result)}\n`);
    const call = { url: this.#url, headers: this.#headers, body: Buffer.from(lines.join("")) };
    return callStore(call, context, this.#context, (status) => REFUSALS.includes(status));
  }
}

/** A point is at fault (400, 422) or the request too large for the server (413). A missing database or right is for the operator to mend. */
const REFUSALS: readonly number[] = [400, 413, 422];

function writeUrl(settings: InfluxdbSettings): string {
  const base = settings.url.replace(/\/+$/, "");
  const query = new URLSearchParams({ precision: "ms" });
  if (settings.database !== undefined) {
    query.set("db", settings.database);
    if (settings.retention_policy !== undefined) query.set("rp", settings.retention_policy);
    return `${base}/write?${query.toString()}`;
  }
  query.set("org", settings.org ?? "");
  query.set("bucket", settings.bucket ?? "");
  return `${base}/api/v2/write?${query.toString()}`;
}

/** The line of a window. Its counts are integers, the rest floats; what is not known is not written. */
function windowLine(measurement: string, result: WindowResult): string {
  const window = readWindowFields(result.json);
  const { latency, avgLatency, state } = window;
  const fields: Record<string, FieldValue> = {
    requestCount: { integer: window.requestCount },
    errorCount: { integer: window.errorCount },
    errorRate: { float: window.errorRate },
    ...(avgLatency === null ? {} : { avgLatency: { float: avgLatency } }),
    ...(latency === null
      ? {}
      : {
          latencyMin: { float: latency.min },
          latencyP50: { float: latency.p50 },
          latencyP95: { float: latency.p95 },
          latencyP99: { float: latency.p99 },
          latencyMax: { float: latency.max },
        }),
    ...(state === undefined ? {} : { state }),
    revision: { integer: result.revision },
  };
  for (const { name, kind, value } of measureNumbers(window)) {
    fields[`${name}_${kind}`] = { float: value };
  }
  const { service, dimensions, windowEndMs: timestampMs } = result;
  if (dimensions === undefined) {
    return pointLine({ measurement, tags: { service }, fields, timestampMs });
  }
  // A measurement of their own: the parts of a service would count twice beside the whole.
  const tags = { ...dimensionTags(dimensions), service };
  return pointLine({ measurement: `${measurement}_by`, tags, fields, timestampMs });
}

/** Values that the protocol can hold; what it cannot escape becomes `_`, an empty value is no tag. */
function dimensionTags(dimensions: Dimensions): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [name, value] of Object.entries(dimensions)) {
    const text = value.replace(/[\r\n\\]/g, "_");
    if (text !== "") tags[name.replace(/[\r\n\\]/g, "_")] = text;
  }
  return tags;
}
