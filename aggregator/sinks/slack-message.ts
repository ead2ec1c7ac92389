import { z } from "zod";
import { type AlertResult, isAlert, type Result } from "./sink.ts";
import { readWindowFields } from "./window-fields.ts";

const alertFields = z.object({
  message: z.string().optional(),
  service: z.string().nullish(),
  late: z.boolean().optional(),
  acknowledged: z.object({ by: z.string(), comment: z.string() }).optional(),
  details: z
    .object({
      link: z.string().optional(),
      runbook: z.string().optional(),
      contributors: z.array(z.looseObject({ agent: z.string(), share: z.number() })).optional(),
    })
    .optional(),
});

/** Hosts that are named; further ones are one click away. */
const CONTRIBUTORS_SHOWN = 3;

/** A result as one line of text for people, in Slack's mrkdwn. */
export function slackMessage(result: Result): string {
  if (isAlert(result)) {
    const fields = alertFields.parse(JSON.parse(result.json));
    const { message = result.alertType, service } = fields;
    const about = typeof service === "string" ? ` ${escapeText(service)}` : "";
    const time = new Date(result.timestampMs).toISOString();
    const head = `*${escapeText(headOf(result))}*${about}: ${escapeText(message)} (${escapeText(result.rule)}, ${time})`;
    return [head, ...factsOf(fields)].join("\n");
  }
  const { requestCount, errorCount, errorRate, latency } = readWindowFields(result.json);
  const from = new Date(result.windowStartMs).toISOString();
  const to = new Date(result.windowEndMs).toISOString();
  const slow = latency === null ? "" : `, p99 ${latency.p99.toPrecision(3)} ms`;
  const rate = (errorRate * 100).toFixed(2);
  return `*${escapeText(result.service)}*: ${requestCount} requests, ${errorCount} errors (${rate} %)${slow}, ${from} to ${to}`;
}

function headOf({ state, severity }: AlertResult): string {
  return state === "firing" ? severity : `${state}: ${severity}`;
}

function factsOf({ acknowledged, details, late }: z.infer<typeof alertFields>): string[] {
  const { link, runbook, contributors = [] } = details ?? {};
  const hosts = contributors
    .slice(0, CONTRIBUTORS_SHOWN)
    .map(({ agent, share }) => `${escapeText(agent)} ${Math.round(share * 100)} %`);
  return [
    ...(late === true ? ["found late, in a window that was corrected"] : []),
    ...(acknowledged === undefined
      ? []
      : [`acknowledged by ${escapeText(acknowledged.by)}: ${escapeText(acknowledged.comment)}`]),
    ...(contributors.length > 1 ? [`hosts: ${hosts.join(", ")}`] : []),
    ...(link === undefined ? [] : [`<${escapeText(link)}|windows>`]),
    ...(runbook === undefined ? [] : [`<${escapeText(runbook)}|what to do>`]),
  ];
}

/** Slack reads these three as markup (https://api.slack.com/reference/surfaces/formatting#escaping). */
function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
