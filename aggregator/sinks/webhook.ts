import { z } from "zod";
import { secret } from "../../shared/config/secret.ts";
import { type AlertGroup, groupAlerts, groupMessage } from "./alert-group.ts";
import { callStore, type StoreAnswer } from "./http-store.ts";
import {
  defineSink,
  EXTERNAL_BATCHING,
  isAlert,
  type Result,
  resultsSetting,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WriteContext,
  type WriteFailure,
  type WriteReport,
} from "./sink.ts";
import { slackMessage } from "./slack-message.ts";
import { readWindowFields } from "./window-fields.ts";

/**
 * Posts each result by itself, a few at a time, or with `group_by` the alerts that wait together as one message for each group. It arrives at
 * least once: the headers `tailrace-id` and `tailrace-revision`, or `tailrace-group`, let a receiver tell what it has seen. A receiver that asks
 * for patience, or cannot be reached, is left alone with the rest of the batch.
 */
export const sink = defineSink({
  summary: "Posts each alert, or each window, to an address, as JSON or as a message for Slack.",
  delivery: "at_least_once",
  windowMinutes: 1,
  config: z
    .strictObject({
      ...sinkSettings("webhook", EXTERNAL_BATCHING),
      results: resultsSetting(["alerts"]),
      url: secret("Where results are posted; a path may be a secret.", {
        examples: ["https://example.org/hook"],
      }).refine((text) => /^https?:\/\/[^\s/@?#]+([/?][^\s#]*)?$/.test(text), {
        error: "expected an address such as https://example.org/hook, without user or fragment",
      }),
      format: z
        .enum(["json", "slack"])
        .prefault("json")
        .meta({ description: "The result as every interface shows it, or a text for Slack." }),
      group_by: z
        .array(
          z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, { error: "expected the name of a label" }),
        )
        .optional()
        .meta({
          description:
            "Alerts that wait together (`flush_interval`) and have these labels in common are one message, in the form of Alertmanager's webhook; []: all that wait.",
          examples: [["alertname"]],
        }),
      headers: z
        .record(
          z.string().regex(/^[A-Za-z0-9-]+$/),
          secret("Value of the header.").regex(/^[^\r\n]*$/),
        )
        .prefault({})
        .meta({ description: "Headers of every request, such as authorization." }),
      provisional: z
        .boolean()
        .prefault(false)
        .meta({ description: "Also posts windows that may still change." }),
      suppressed: z
        .boolean()
        .prefault(false)
        .meta({ description: "Also posts alerts that are silenced or inhibited." }),
    })
    .check(({ value, issues }) => {
      if (value.group_by === undefined || !value.results.includes("windows")) return;
      const message = "expected none where windows are posted, which have no labels";
      issues.push({ code: "custom", message, path: ["group_by"], input: value });
    }),
  results: (config) => config.results,
  open: async (config, context) => new WebhookSink(config, context),
});

interface WebhookSettings {
  readonly name: string;
  readonly url: string;
  readonly group_by?: readonly string[] | undefined;
  readonly format: "json" | "slack";
  readonly headers: Readonly<Record<string, string>>;
  readonly provisional: boolean;
  readonly suppressed: boolean;
}

/** Enough to hide a receiver's latency, few enough not to be a burden. */
const POSTS_AT_ONCE = 4;

class WebhookSink implements Sink {
  /** The receiver has no position. */
  readonly position = undefined;
  readonly #settings: WebhookSettings;
  readonly #context: SinkContext;

  constructor(settings: WebhookSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async write(results: readonly Result[], context: WriteContext): Promise<WriteReport> {
    const wanted = results.flatMap((result, index) => (this.#isWanted(result) ? [index] : []));
    const failures: WriteFailure[] = [];
    const by = this.#settings.group_by;
    if (by !== undefined) return this.#writeGroups(results, wanted, { by, context });
    const waiting = byId(results, wanted);
    let pause: { readonly reason: string; readonly retryAfterMs: number | undefined } | undefined;
    const work = async () => {
      for (let revisions = waiting.shift(); revisions !== undefined; revisions = waiting.shift()) {
        for (let index = revisions.shift(); index !== undefined; index = revisions.shift()) {
          const result = results[index];
          if (result === undefined) continue;
          const { verdict, reason, retryAfterMs } = await this.#post(result, context);
          if (verdict === "taken") continue;
          failures.push({ index, reason, isRetryable: verdict === "later" });
          if (verdict === "refused") continue;
          pause ??= { reason, retryAfterMs };
          waiting.push(revisions);
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: POSTS_AT_ONCE }, work));
    const { reason = "", retryAfterMs } = pause ?? {};
    for (const index of waiting.flat()) failures.push({ index, reason, isRetryable: true });
    const ignoredCount = results.length - wanted.length;
    return { failures, ignoredCount, retryAfterMs };
  }

  async close(): Promise<void> {
    // Connections are the platform's.
  }

  /** Posts a message for each group; a receiver that asks for patience is left alone with the rest. */
  async #writeGroups(
    results: readonly Result[],
    wanted: readonly number[],
    { by, context }: { readonly by: readonly string[]; readonly context: WriteContext },
  ): Promise<WriteReport> {
    const alerts = wanted.flatMap((index) => {
      const result = results[index];
      return result !== undefined && isAlert(result) ? [[index, result] as const] : [];
    });
    const failures: WriteFailure[] = [];
    let pause: StoreAnswer | undefined;
    for (const group of groupAlerts(alerts, by)) {
      const said = pause ?? (await this.#postGroup(group, context));
      const { verdict, reason } = said;
      if (verdict === "taken") continue;
      if (verdict === "later") pause = said;
      const isRetryable = verdict === "later";
      for (const index of group.indexes) failures.push({ index, reason, isRetryable });
    }
    const ignoredCount = results.length - wanted.length;
    return { failures, ignoredCount, retryAfterMs: pause?.retryAfterMs };
  }

  #postGroup(group: AlertGroup, context: WriteContext): Promise<StoreAnswer> {
    const { format, name } = this.#settings;
    const body =
      format === "json"
        ? groupMessage(group, name)
        : { text: group.alerts.map((alert) => slackMessage(alert)).join("\n\n") };
    return this.#send(JSON.stringify(body), { "tailrace-group": encodeURI(group.key) }, context);
  }

  #isWanted(result: Result): boolean {
    if (isAlert(result)) return this.#settings.suppressed || !result.isSuppressed;
    if (this.#settings.provisional) return true;
    return readWindowFields(result.json).state !== "provisional";
  }

  #post(result: Result, context: WriteContext): Promise<StoreAnswer> {
    const { format } = this.#settings;
    const body = format === "json" ? result.json : JSON.stringify({ text: slackMessage(result) });
    const { id, revision } = result;
    const own = { "tailrace-id": encodeURI(id), "tailrace-revision": String(revision) };
    return this.#send(body, own, context);
  }

  async #send(
    body: string,
    own: Readonly<Record<string, string>>,
    context: WriteContext,
  ): Promise<StoreAnswer> {
    const { url, headers } = this.#settings;
    const call = {
      url,
      headers: { ...headers, "content-type": "application/json", ...own },
      body: Buffer.from(body),
    };
    try {
      return await callStore(call, context, this.#context, isRefusal);
    } catch (error) {
      // The others of the batch may have arrived: only this one is not known of, and comes again.
      const reason = error instanceof Error ? error.message : String(error);
      return { verdict: "later", reason, retryAfterMs: undefined };
    }
  }
}

/** The places of results, those of one id together: revisions of an alert must arrive in their order. */
function byId(results: readonly Result[], indexes: readonly number[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const index of indexes) {
    const id = results[index]?.id ?? "";
    groups.set(id, [...(groups.get(id) ?? []), index]);
  }
  return [...groups.values()];
}

/** A client's fault, except where the status itself says that the same may pass another time. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}
