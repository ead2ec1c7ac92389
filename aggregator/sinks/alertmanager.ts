import { z } from "zod";
import { secret } from "../../shared/config/secret.ts";
import { duration } from "../../shared/config/units.ts";
import { labelsOf } from "../alerts/alert-record.ts";
import { basicAuthorization, callStore, httpAddress, pick, writeHalving } from "./http-store.ts";
import {
  type AlertResult,
  defineSink,
  EXTERNAL_BATCHING,
  isAlert,
  type Result,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WriteContext,
  type WriteReport,
} from "./sink.ts";

/**
 * Posts alerts to the API of an Alertmanager (`POST /api/v2/alerts`), which groups, routes and silences them its own way. An alert is told by
 * its labels, so what comes again changes nothing. Alertmanager forgets an alert that nobody repeats; instead of repeating, this says when it
 * would end: `expires` after it fired, moved to the true end when it resolves. What is silenced here is not sent, but for its end: it may have
 * been sent before the silence, and of what it never saw fire Alertmanager notifies nobody.
 */
export const sink = defineSink({
  summary: "Posts alerts to the API of an Alertmanager.",
  delivery: "last_wins",
  windowMinutes: 1,
  config: z
    .strictObject({
      ...sinkSettings("alertmanager", EXTERNAL_BATCHING),
      url: httpAddress.meta({
        description: "Address of the Alertmanager, without /api.",
        examples: ["http://127.0.0.1:9093"],
      }),
      expires: duration({ min: "5m", max: "30d" }).prefault("1d").meta({
        description: "When an alert ends of which nothing more is heard; from its newest change.",
      }),
      username: z.string().min(1).optional().meta({ description: "User to sign in as." }),
      password: secret("Password of the user.").optional(),
    })
    .check(({ value, issues }) => {
      if ((value.username === undefined) === (value.password === undefined)) return;
      const message = "expected username and password together";
      issues.push({ code: "custom", message, path: ["username"], input: value });
    }),
  results: () => ["alerts"],
  open: async (config, context) => new AlertmanagerSink(config, context),
});

interface AlertmanagerSettings {
  readonly url: string;
  readonly expires: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

class AlertmanagerSink implements Sink {
  /** Labels say which alert it is. */
  readonly position = undefined;
  readonly #settings: AlertmanagerSettings;
  readonly #context: SinkContext;

  constructor(settings: AlertmanagerSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async write(results: readonly Result[], context: WriteContext): Promise<WriteReport> {
    const wanted = results.flatMap((result, index) =>
      isAlert(result) && (!result.isSuppressed || result.state === "resolved") ? [index] : [],
    );
    const { url, expires } = this.#settings;
    const nowMs = this.#context.platform.clock.now();
    const send = (indexes: readonly number[]) => {
      const alerts = pick(results, indexes).flatMap((result) =>
        isAlert(result) ? [alertmanagerAlert(result, nowMs + expires)] : [],
      );
      const call = {
        url: `${url.replace(/\/+$/, "")}/api/v2/alerts`,
        headers: { "content-type": "application/json", ...basicAuthorization(this.#settings) },
        body: Buffer.from(JSON.stringify(alerts)),
      };
      return callStore(call, context, this.#context, isRefusal);
    };
    const report = await writeHalving(wanted, send);
    return { ...report, ignoredCount: results.length - wanted.length };
  }

  async close(): Promise<void> {
    // Connections are the platform's.
  }
}

/** The alert itself is at fault; everything else may pass. */
function isRefusal(status: number): boolean {
  return status === 400 || status === 422;
}

const shownSchema = z.looseObject({
  message: z.string(),
  timestamp: z.string(),
  startsAt: z.string().optional(),
  resolvedAt: z.string().optional(),
  details: z.looseObject({
    summary: z.string().optional(),
    link: z.string().optional(),
    runbook: z.string().optional(),
  }),
});

/** An alert in the words of Alertmanager's API. A match has no end of its own, and is over when it `expires`. */
export function alertmanagerAlert({ json, state, id }: AlertResult, expiresMs: number) {
  const { message, timestamp, startsAt, resolvedAt, details } = shownSchema.parse(JSON.parse(json));
  const { summary, link, runbook } = details;
  return {
    labels: labelsOf(json),
    annotations: {
      ...(summary === undefined ? {} : { summary }),
      description: message,
      alert_id: id,
      ...(runbook === undefined ? {} : { runbook_url: runbook }),
    },
    startsAt: startsAt ?? timestamp,
    endsAt: state === "resolved" && resolvedAt ? resolvedAt : new Date(expiresMs).toISOString(),
    ...(link === undefined ? {} : { generatorURL: link }),
  };
}
