import { z } from "zod";
import { secret } from "../../shared/config/secret.ts";
import { duration } from "../../shared/config/units.ts";
import { alertmanagerAlert } from "./alertmanager-alert.ts";
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
import { Turns } from "./turns.ts";

/**
 * Posts alerts to the API of an Alertmanager (`POST /api/v2/alerts`), which groups, routes and silences them its own way. An alert is told by
 * its labels, so what comes again changes nothing. Alertmanager forgets an alert that nobody repeats, so all that fires is sent again every
 * `resend_interval`, with an end four intervals ahead, as Prometheus does: three may get lost. A match is over when it is found; nobody repeats
 * it, and it ends after `expires`. What is silenced here is not sent, but for its end: it may have been sent before the silence, and of what it
 * never saw fire Alertmanager notifies nobody.
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
      resend_interval: duration({ min: "10s", max: "1h" }).prefault("1m").meta({
        description:
          "How often all that fires is sent again; Alertmanager ends after four of them what is not.",
      }),
      expires: duration({ min: "5m", max: "30d" }).prefault("1d").meta({
        description: "When a match ends, which has no end of its own; from its newest change.",
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
  readonly resend_interval: number;
  readonly expires: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** Alerts in one request of those that are sent again. */
const RESEND_COUNT = 100;
/** As Prometheus: what was not repeated for so many intervals is over. */
const INTERVALS_VALID = 4;

class AlertmanagerSink implements Sink {
  /** Labels say which alert it is. */
  readonly position = undefined;
  readonly #settings: AlertmanagerSettings;
  readonly #context: SinkContext;
  /** An end must not be overtaken by a repetition that does not know of it. */
  readonly #turns = new Turns();
  readonly #stop = new AbortController();
  /** Ends the repetition that is under way. */
  #repetition = new AbortController();
  readonly #resending: Promise<void>;

  constructor(settings: AlertmanagerSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.#resending = this.#resend();
  }

  async write(results: readonly Result[], context: WriteContext): Promise<WriteReport> {
    // It waits for a repetition under way no longer than it may take itself.
    const giveUp = () => this.#repetition.abort();
    context.signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await this.#write(results, context);
    } finally {
      context.signal.removeEventListener("abort", giveUp);
    }
  }

  #write(results: readonly Result[], context: WriteContext): Promise<WriteReport> {
    return this.#turns.run(async () => {
      const wanted = results.flatMap((result, index) =>
        isAlert(result) && (!result.isSuppressed || result.state === "resolved") ? [index] : [],
      );
      const send = (indexes: readonly number[]) =>
        this.#post(pick(results, indexes).filter(isAlert), context);
      const report = await writeHalving(wanted, send);
      return { ...report, ignoredCount: results.length - wanted.length };
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#repetition.abort();
    await this.#resending;
  }

  async #resend(): Promise<void> {
    const { firing, logger, name, platform } = this.#context;
    const { signal } = this.#stop;
    for (;;) {
      await platform.timers.sleep(this.#settings.resend_interval, signal);
      if (signal.aborted) return;
      await this.#turns.run(async () => {
        this.#repetition = new AbortController();
        const { signal: repeating } = this.#repetition;
        const alerts = (firing?.() ?? []).filter(({ isSuppressed }) => !isSuppressed);
        for (let at = 0; at < alerts.length && !repeating.aborted; at += RESEND_COUNT) {
          const part = alerts.slice(at, at + RESEND_COUNT);
          try {
            const { verdict, reason } = await this.#post(part, {
              ...{ signal: repeating, watermarkMs: undefined },
            });
            if (verdict !== "taken") throw new Error(reason);
          } catch (error) {
            // The next round says the same again; what the sink is given to write is not lost with it.
            logger.debug("what fires was not sent again", { sink: name, reason: String(error) });
            return;
          }
        }
      });
    }
  }

  #post(alerts: readonly AlertResult[], context: WriteContext) {
    const { url, expires, resend_interval: resendMs } = this.#settings;
    const nowMs = this.#context.platform.clock.now();
    const ends = { firingMs: nowMs + INTERVALS_VALID * resendMs, matchMs: nowMs + expires };
    const call = {
      url: `${url.replace(/\/+$/, "")}/api/v2/alerts`,
      headers: { "content-type": "application/json", ...basicAuthorization(this.#settings) },
      body: Buffer.from(JSON.stringify(alerts.map((alert) => alertmanagerAlert(alert, ends)))),
    };
    return callStore(call, context, this.#context, isRefusal);
  }
}

/** The alert itself is at fault; everything else may pass. */
function isRefusal(status: number): boolean {
  return status === 400 || status === 422;
}
