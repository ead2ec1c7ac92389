import { z } from "zod";
import { labelsOf } from "../alerts/alert-record.ts";
import type { AlertResult } from "./sink.ts";

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

/** An alert in the words of Alertmanager's API; `ends`: when one is over that fires, and a match. */
export function alertmanagerAlert(
  { json, state, id }: AlertResult,
  ends: { readonly firingMs: number; readonly matchMs: number },
) {
  const { message, timestamp, startsAt, resolvedAt, details } = shownSchema.parse(JSON.parse(json));
  const { summary, link, runbook } = details;
  const openMs = startsAt === undefined ? ends.matchMs : ends.firingMs;
  return {
    labels: labelsOf(json),
    annotations: {
      ...(summary === undefined ? {} : { summary }),
      description: message,
      alert_id: id,
      ...(runbook === undefined ? {} : { runbook_url: runbook }),
    },
    startsAt: startsAt ?? timestamp,
    endsAt: state === "resolved" && resolvedAt ? resolvedAt : new Date(openMs).toISOString(),
    ...(link === undefined ? {} : { generatorURL: link }),
  };
}
