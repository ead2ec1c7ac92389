import type { Client } from "@elastic/elasticsearch";
import { z } from "zod";
import { secret } from "../../shared/config/secret.ts";
import { duration } from "../../shared/config/units.ts";
import { TailraceError } from "../../shared/errors.ts";
import { elasticsearchDocument } from "./elasticsearch-document.ts";
import { indexPrefixOf, indexTemplate } from "./elasticsearch-template.ts";
import { httpAddress, retryAfterMsOf } from "./http-store.ts";
import {
  type Batching,
  defineSink,
  isAlert,
  RESULT_KINDS,
  type Result,
  resultsSetting,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WriteContext,
  type WriteFailure,
  type WriteReport,
} from "./sink.ts";

/** A bulk request costs the server much beside its documents: of twenty times as many it takes thrice as many a second (test/benchmark/sinks.ts). */
const BATCHING: Batching = { batch_count: 2_000, flush_interval: "5s" };

/**
 * Keeps windows, alerts and raw lines as documents of plain indices, one a month, named from the data's own time: a write that comes late, or again
 * after midnight, finds the index of the first. The document's id is the result's and its external version the revision, so that the store
 * itself refuses an old write. Each item of a bulk answer is judged alone; an answer that cannot be read says nothing, and all comes again.
 */
export const sink = defineSink({
  summary: "Keeps windows, alerts and raw lines in monthly indices of Elasticsearch.",
  delivery: "idempotent",
  windowMinutes: 1,
  config: z
    .strictObject({
      ...sinkSettings("elasticsearch", BATCHING),
      results: resultsSetting(["windows", "alerts"], RESULT_KINDS),
      url: z
        .union([httpAddress, z.array(httpAddress).min(1)])
        .meta({ description: "Address of a node, or of several.", examples: ["http://es:9200"] }),
      index_prefix: z
        .string()
        .regex(/^[a-z][a-z0-9_-]{0,99}$/, {
          error: "expected a lower-case letter, then letters, digits, - and _",
        })
        .prefault("tailrace")
        .meta({
          description: "Indices are named {PREFIX}-windows-YYYY.MM, logs-{PREFIX}.lines-YYYY.MM.",
        }),
      retention: duration({ min: "1d", max: "3650d" }).prefault("90d").meta({
        description: "Indices whose month ended longer ago are deleted; from the watermark.",
      }),
      api_key: secret("Key to sign in with.").optional(),
      username: z.string().min(1).optional().meta({ description: "User to sign in as." }),
      password: secret("Password of the user.").optional(),
      compression: z.boolean().prefault(true).meta({ description: "Requests are compressed." }),
    })
    .check(({ value, issues }) => {
      if ((value.username === undefined) === (value.password === undefined)) return;
      const message = "expected username and password together";
      issues.push({ code: "custom", message, path: ["username"], input: value });
    }),
  results: (config) => config.results,
  open: openElasticsearchSink,
});

interface ElasticsearchSettings {
  readonly url: string | readonly string[];
  readonly index_prefix: string;
  readonly retention: number;
  readonly api_key?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly compression: boolean;
  readonly write_timeout: number;
}

async function openElasticsearchSink(
  settings: ElasticsearchSettings,
  context: SinkContext,
): Promise<Sink> {
  const { Client } = await import("@elastic/elasticsearch");
  const { username, password, api_key: apiKey } = settings;
  const client = new Client({
    nodes: [settings.url].flat(),
    // Trying again is the delivery's part, with its own pace; and only the configured addresses are asked.
    maxRetries: 0,
    sniffOnStart: false,
    sniffOnConnectionFault: false,
    sniffInterval: false,
    requestTimeout: settings.write_timeout,
    compression: settings.compression,
    enableMetaHeader: false,
    ...(apiKey === undefined ? {} : { auth: { apiKey } }),
    ...(username === undefined || password === undefined ? {} : { auth: { username, password } }),
  });
  return new ElasticsearchSink(client, settings, context);
}

/** A clock that runs wild must not make an index for every month of a century. */
const AHEAD_MS_MAX = 366 * 86_400_000;

const MONTH_INDEX = /-(\d{4})\.(\d{2})$/;

class ElasticsearchSink implements Sink {
  /** The server itself knows what it holds. */
  readonly position = undefined;
  readonly #client: Client;
  readonly #context: SinkContext;
  readonly #retentionMs: number;
  readonly #indexPrefix: string;
  readonly #templatePrefix: string;
  /** False until the template is known to be there; a store that failed may have been replaced by an empty one. */
  #isPrepared = false;
  /** Indices before this one are deleted; undefined before the first look. */
  #firstKeptIndex: string | undefined;

  constructor(client: Client, settings: ElasticsearchSettings, context: SinkContext) {
    this.#client = client;
    this.#context = context;
    this.#retentionMs = settings.retention;
    this.#templatePrefix = settings.index_prefix;
    this.#indexPrefix = indexPrefixOf(settings.index_prefix, context.results);
  }

  async write(results: readonly Result[], context: WriteContext): Promise<WriteReport> {
    const { watermarkMs } = context;
    const firstKept =
      watermarkMs === undefined ? undefined : this.#indexOf(watermarkMs - this.#retentionMs);
    const kept: number[] = [];
    const tooEarly: WriteFailure[] = [];
    const operations: string[] = [];
    for (const [index, result] of results.entries()) {
      const target = this.#indexOf(timeOf(result));
      if (firstKept !== undefined && target < firstKept) continue;
      if (watermarkMs !== undefined && timeOf(result) > watermarkMs + AHEAD_MS_MAX) {
        const reason = `${target} would be more than a year ahead of the watermark`;
        tooEarly.push({ index, reason, isRetryable: false });
        continue;
      }
      kept.push(index);
      const document = elasticsearchDocument(result, this.#context.results);
      operations.push(bulkAction(target, result), document);
    }
    try {
      await this.#prepare(context.signal);
      if (firstKept !== undefined) await this.#deleteBefore(firstKept, context.signal);
      const report = kept.length === 0 ? { failures: [] } : await this.#bulk(operations, context);
      const failures = report.failures.map((failure) => ({
        ...failure,
        index: kept[failure.index] ?? 0,
      }));
      const ignoredCount = results.length - kept.length - tooEarly.length;
      return { ...report, failures: [...tooEarly, ...failures], ignoredCount };
    } catch (cause) {
      this.#isPrepared = false;
      const refusal = statusOf(cause);
      if (refusal === undefined) throw this.#failed(cause);
      // The store answered, and took nothing.
      const reason = this.#failed(cause).message;
      return {
        failures: results.map((_, index) => ({ index, reason, isRetryable: true })),
        retryAfterMs: retryAfterMsOf(refusal.retryAfter, this.#context.platform.clock.now()),
      };
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** The index of a moment: its month in UTC. In the years 0 to 9999 names sort as their months do. */
  #indexOf(timeMs: number): string {
    return `${this.#indexPrefix}-${monthOf(timeMs)}`;
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#isPrepared) return;
    const { results } = this.#context;
    const body = indexTemplate(results, this.#templatePrefix);
    await this.#client.indices.putIndexTemplate(
      { name: this.#indexPrefix, ...body, index_patterns: [...body.index_patterns] },
      { signal },
    );
    this.#isPrepared = true;
  }

  /** Deletes the indices of months that are over for longer than the retention; looks again when the month changes. */
  async #deleteBefore(firstKept: string, signal: AbortSignal): Promise<void> {
    if (this.#firstKeptIndex === firstKept) return;
    const found = await this.#client.indices.resolveIndex(
      { name: `${this.#indexPrefix}-*` },
      { signal },
    );
    const old = found.indices
      .map(({ name }) => name)
      .filter((name) => MONTH_INDEX.test(name) && name < firstKept);
    for (const index of old) {
      await this.#client.indices.delete({ index, ignore_unavailable: true }, { signal });
      this.#context.logger.info("deleted an index that is beyond the retention", {
        sink: this.#context.name,
        index,
      });
    }
    this.#firstKeptIndex = firstKept;
  }

  async #bulk(operations: readonly string[], { signal }: WriteContext): Promise<WriteReport> {
    const answer = await this.#client.bulk(
      {
        operations: [...operations],
        filter_path: ["items.*.status", "items.*.error.type", "items.*.error.reason"],
      },
      { signal },
    );
    return judgeItems(answer, operations.length / 2);
  }

  #failed(cause: unknown): TailraceError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const facts = { sink: this.#context.name };
    return new TailraceError("SINK_FAILED", `Elasticsearch did not take a write: ${reason}`, {
      cause,
      facts,
    });
  }
}

function bulkAction(_index: string, { id: _id, revision: version }: Result): string {
  return JSON.stringify({ index: { _index, _id, version, version_type: "external" } });
}

const bulkAnswer = z.object({
  items: z.array(
    z.object({
      index: z.object({
        status: z.int(),
        error: z.object({ type: z.string(), reason: z.string().nullish() }).optional(),
      }),
    }),
  ),
});

/** What a bulk answer says of each item. Throws SINK_FAILED when it does not name them all. */
function judgeItems(answer: unknown, count: number): WriteReport {
  const parsed = bulkAnswer.safeParse(answer);
  if (!parsed.success || parsed.data.items.length !== count) {
    throw new TailraceError("SINK_FAILED", `the answer does not say what became of ${count} items`);
  }
  const failures: WriteFailure[] = [];
  let supersededCount = 0;
  for (const [index, item] of parsed.data.items.entries()) {
    const { status, error } = item.index;
    if (status >= 200 && status < 300) continue;
    if (status === 409) {
      supersededCount++;
      continue;
    }
    const reason = `${status} ${error?.type ?? "without a reason"}: ${error?.reason ?? ""}`;
    failures.push({ index, reason, isRetryable: !REFUSED_FOR_GOOD.includes(status) });
  }
  return { failures, supersededCount };
}

/** The document itself is at fault. Everything else may pass: a full queue, a missing right, a blocked index. */
const REFUSED_FOR_GOOD: readonly number[] = [400, 413, 422];

function timeOf(result: Result): number {
  return isAlert(result) ? result.timestampMs : result.windowStartMs;
}

function monthOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/^(.*\d{4})-(\d{2})-.*$/, "$1.$2");
}

/** Status and `retry-after` of an answer that the client made an error of; undefined when there was no readable answer. */
function statusOf(
  error: unknown,
): { readonly status: number; readonly retryAfter: string | undefined } | undefined {
  const parsed = responseError.safeParse(error);
  if (!parsed.success) return undefined;
  const { statusCode, headers } = parsed.data.meta;
  // A success that is an error here was not readable.
  if (statusCode < 300) return undefined;
  return { status: statusCode, retryAfter: headers?.["retry-after"] };
}

const responseError = z.object({
  name: z.literal("ResponseError"),
  meta: z.object({
    statusCode: z.int(),
    headers: z.record(z.string(), z.string().optional().catch(undefined)).nullish(),
  }),
});
