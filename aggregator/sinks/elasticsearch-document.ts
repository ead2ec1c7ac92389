import { isAlert, type LineResult, type Result, type ResultKind } from "./sink.ts";

/**
 * The document of a result as one line of JSON: the result as every interface shows it, with names of the Elastic Common Schema where they
 * fit (`@timestamp`, `service.name`, `user.id`, `rule.name`, `event.*`).
 */
export function elasticsearchDocument(result: Result, kind: ResultKind = "windows"): string {
  const value: unknown = JSON.parse(result.json);
  const shown = typeof value === "object" && value !== null ? value : {};
  if (isAlert(result)) {
    const service: unknown = Reflect.get(shown, "service");
    const user: unknown = Reflect.get(shown, "user");
    return JSON.stringify({
      "@timestamp": new Date(result.timestampMs).toISOString(),
      event: { kind: "alert", dataset: "tailrace.alerts" },
      ...shown,
      ...(service === undefined ? {} : { service: { name: service } }),
      ...(user === undefined ? {} : { user: { id: user } }),
      rule: { name: result.rule },
    });
  }
  if (kind === "lines") return lineDocument(result, shown);
  const start = new Date(result.windowStartMs).toISOString();
  const end = new Date(result.windowEndMs).toISOString();
  return JSON.stringify({
    "@timestamp": start,
    event: { kind: "metric", dataset: "tailrace.windows", start, end },
    ...shown,
    service: { name: result.service },
  });
}

function lineDocument(result: LineResult, shown: object): string {
  const of = (name: string): unknown => Reflect.get(shown, name);
  return JSON.stringify({
    "@timestamp": new Date(result.windowStartMs).toISOString(),
    message: of("line"),
    log: { level: of("level") },
    service: { name: result.service },
    agent: { name: of("agent"), type: "tailrace" },
    event: { kind: "event", dataset: "tailrace.lines", id: result.id },
    tailrace: { stream: result.stream, source: of("source"), weight: of("weight") },
  });
}
