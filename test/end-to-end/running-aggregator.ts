import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Aggregator, startAggregator } from "../../aggregator/aggregator.ts";
import { aggregatorConfig } from "../../aggregator/config.ts";
import { type Embedded, openEmbedded } from "../../aggregator/embedded.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { ENVELOPE_VERSION, type Envelope } from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { EPOCH } from "../unit/aggregator/receive/sample-batches.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

/** An answer with its body as JSON, undefined when it is none. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly text: string;
}

/** An aggregator on real sockets, files and store in a folder of its own. */
export class RunningAggregator {
  readonly folder: string;
  #aggregator: Aggregator;
  #embedded: Embedded;
  readonly #settings: Readonly<Record<string, unknown>>;

  private constructor(
    folder: string,
    settings: Readonly<Record<string, unknown>>,
    running: { readonly aggregator: Aggregator; readonly embedded: Embedded },
  ) {
    this.folder = folder;
    this.#settings = settings;
    this.#aggregator = running.aggregator;
    this.#embedded = running.embedded;
  }

  /** Starts one; `settings` are keys of aggregator.yaml, given the folder. */
  static async start(
    settings: (folder: string) => Readonly<Record<string, unknown>> = () => ({}),
  ): Promise<RunningAggregator> {
    const folder = await mkdtemp(join(tmpdir(), "tailrace-aggregator-"));
    const own = settings(folder);
    return new RunningAggregator(folder, own, await begin(folder, own));
  }

  get logId(): string {
    return this.#embedded.log.logId;
  }

  get port(): number {
    return this.#aggregator.port;
  }

  /** Stops it and starts it again on the same folder. */
  async restart(): Promise<void> {
    await this.stop();
    await this.begin();
  }

  /** Starts it on the same folder after {@link stop}. */
  async begin(): Promise<void> {
    const { aggregator, embedded } = await begin(this.folder, this.#settings);
    this.#aggregator = aggregator;
    this.#embedded = embedded;
  }

  async stop(): Promise<void> {
    await this.#aggregator.close();
    await this.#embedded.close();
  }

  /** Stops it and removes its folder. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  get(path: string): Promise<JsonAnswer> {
    return this.#call("GET", path, {}, undefined);
  }

  /** Posts bytes as an envelope. */
  post(body: Buffer, contentType = "application/x-protobuf"): Promise<JsonAnswer> {
    return this.#call("POST", "/v1/batches", { "content-type": contentType }, body);
  }

  /** Posts anything anywhere. */
  postTo(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
  ): Promise<JsonAnswer> {
    return this.#call("POST", path, headers, body);
  }

  send(envelope: Envelope): Promise<JsonAnswer> {
    return this.post(encodeEnvelope(envelope));
  }

  /** Says hello, again while the aggregator has only just started. */
  async hello(changes: Readonly<Record<string, unknown>> = {}): Promise<JsonAnswer> {
    const hello = {
      agent: "web-1",
      machine: "machine-1",
      epoch: EPOCH,
      takeover: false,
      version: ENVELOPE_VERSION,
      ...changes,
    };
    const body = Buffer.from(JSON.stringify(hello));
    const headers = { "content-type": "application/json" };
    for (;;) {
      const answer = await this.#call("POST", "/v1/hello", headers, body);
      if (answer.status !== 503) return answer;
      await realPlatform.timers.sleep(20);
    }
  }

  async #call(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer | undefined,
  ): Promise<JsonAnswer> {
    const url = `http://127.0.0.1:${this.port}${path}`;
    const call = {
      url,
      method,
      headers,
      timeoutMs: 20_000,
      ...(body === undefined ? {} : { body }),
    };
    const answer = await realPlatform.network.call(call);
    const text = answer.body.toString("utf8");
    return { status: answer.status, headers: answer.headers, body: parse(text), text };
  }
}

async function begin(folder: string, settings: Readonly<Record<string, unknown>>) {
  const dataDir = join(folder, "data");
  const config = aggregatorConfig.parse({ listen: "127.0.0.1:0", data_dir: dataDir, ...settings });
  const onFailed = (error: unknown) => {
    throw error;
  };
  const embedded = await openEmbedded(realPlatform, config, { logger: quiet, onFailed });
  const { log, store, copyState } = embedded;
  const parts = { log, store, copyState, logger: quiet };
  const aggregator = await startAggregator(realPlatform, config, parts);
  return { aggregator, embedded };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Metrics are no JSON.
    return undefined;
  }
}
