/** What Elasticsearch is told of our indices before the first document: names of the Elastic Common Schema where they fit, else the window's own. */
import type { ResultKind } from "./sink.ts";

const KEYWORD = { type: "keyword", ignore_above: 8_191 } as const;
const TEXT = { type: "text" } as const;
const TIME = { type: "date" } as const;
// Columns alone answer aggregations, and seldom filters; an index beside them would double the work of a write.
const DATE = { type: "date", index: false } as const;
const COUNT = { type: "long", index: false } as const;
const NUMBER = { type: "double", index: false } as const;

const latency = { min: NUMBER, p50: NUMBER, p95: NUMBER, p99: NUMBER, max: NUMBER };
const levels = Object.fromEntries(
  ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OTHER"].map((level) => [level, COUNT]),
);

const fields = {
  windows: {
    stream: KEYWORD,
    windowStart: DATE,
    windowEnd: DATE,
    requestCount: COUNT,
    errorCount: COUNT,
    errorRate: NUMBER,
    avgLatency: NUMBER,
    latency: { properties: latency },
    levels: { properties: levels },
    state: KEYWORD,
    revision: COUNT,
    folded: { type: "boolean" },
    contributors: { properties: { agent: KEYWORD, requestCount: COUNT, errorCount: COUNT } },
    // Their names stand in configurations, not in lines: these may grow the mapping.
    dimensions: { dynamic: true, properties: {} },
    measures: { dynamic: true, properties: {} },
    exemplars: { properties: { id: KEYWORD, timestamp: DATE, level: KEYWORD, line: TEXT } },
  },
  alerts: {
    alertType: KEYWORD,
    severity: KEYWORD,
    message: TEXT,
    timestamp: DATE,
    rule: { properties: { name: KEYWORD } },
    user: { properties: { id: KEYWORD } },
    key: KEYWORD,
    stream: KEYWORD,
    state: KEYWORD,
    revision: COUNT,
    startsAt: DATE,
    updatedAt: DATE,
    resolvedAt: DATE,
    late: { type: "boolean" },
    acknowledged: { properties: { by: KEYWORD, at: DATE, comment: { type: "text" } } },
  },
  lines: {
    message: TEXT,
    log: { properties: { level: KEYWORD } },
    agent: { properties: { name: KEYWORD, type: KEYWORD } },
    tailrace: { properties: { stream: KEYWORD, source: KEYWORD, weight: NUMBER } },
  },
} as const;

/**
 * What the names of indices begin with. Raw lines are where tools look for logs; in plain indices, since a data stream could hold a line
 * twice, once before and once after a roll-over.
 */
export function indexPrefixOf(prefix: string, kind: ResultKind): string {
  return kind === "lines" ? `logs-${prefix}.lines` : `${prefix}-${kind}`;
}

/**
 * The body of the index template for one kind of results. A field that is not named here is kept in the document but not indexed, so that
 * no line can grow the mapping. One shard holds a month of many services; a replica is made as soon as a second node is there.
 */
export function indexTemplate(kind: ResultKind, prefix: string) {
  return {
    index_patterns: [`${indexPrefixOf(prefix, kind)}-*`],
    priority: 200,
    version: 2,
    _meta: { managed_by: "tailrace" },
    template: {
      settings: { number_of_shards: 1, auto_expand_replicas: "0-1" },
      mappings: {
        dynamic: false,
        dynamic_templates: dynamicTemplates(),
        properties: {
          "@timestamp": TIME,
          service: { properties: { name: KEYWORD } },
          event: {
            properties: { kind: KEYWORD, dataset: KEYWORD, start: DATE, end: DATE },
          },
          ...fields[kind],
        },
      },
    },
  } as const;
}

// Not constant: the client's types want a list that may change.
function dynamicTemplates() {
  return [
    { dimensions: { path_match: "dimensions.*", mapping: KEYWORD } },
    { measures: { path_match: "measures.*.*", mapping: NUMBER } },
  ];
}
