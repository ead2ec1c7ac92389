import { z } from "zod";
import { isAlert, type Result } from "./sink.ts";
import { readWindowFields } from "./window-fields.ts";

const alertFields = z.object({ message: z.string().optional(), service: z.string().nullish() });

/** A result as one line of text for people, in Slack's mrkdwn. */
export function slackMessage(result: Result): string {
  if (isAlert(result)) {
    const { message = result.alertType, service } = alertFields.parse(JSON.parse(result.json));
    const about = typeof service === "string" ? ` ${escapeText(service)}` : "";
    const time = new Date(result.timestampMs).toISOString();
    return `*${escapeText(result.severity)}*${about}: ${escapeText(message)} (${escapeText(result.rule)}, ${time})`;
  }
  const { requestCount, errorCount, errorRate, latency } = readWindowFields(result.json);
  const from = new Date(result.windowStartMs).toISOString();
  const to = new Date(result.windowEndMs).toISOString();
  const slow = latency === null ? "" : `, p99 ${latency.p99.toPrecision(3)} ms`;
  const rate = (errorRate * 100).toFixed(2);
  return `*${escapeText(result.service)}*: ${requestCount} requests, ${errorCount} errors (${rate} %)${slow}, ${from} to ${to}`;
}

/** Slack reads these three as markup (https://api.slack.com/reference/surfaces/formatting#escaping). */
function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
