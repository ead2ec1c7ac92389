/** A running aggregator's status: asked for over its API, and as people read it. */
import { z } from "zod";
import type { CommandIo } from "../../shared/command.ts";
import { TailraceError } from "../../shared/errors.ts";
import { textTable } from "../../shared/text-table.ts";
import { askAggregator } from "./ask-aggregator.ts";

const count = z.number();
const statusSchema = z.object({
  isReady: z.boolean(),
  failing: z.array(z.object({ name: z.string(), detail: z.string() })),
  clock: z.string().nullable(),
  watermark: z.string().nullable(),
  agentCount: count,
  lines: z.object({ received: count, merged: count, tooLate: count }),
  windowChanges: count,
  sinks: z.array(
    z.object({
      ...{ name: z.string(), results: z.string(), breaker: z.string() },
      ...{ written: count, behind: count, deadLetters: count, failure: z.string().nullable() },
    }),
  ),
  sources: z.array(
    z.object({
      ...{ source: z.string(), place: z.string(), records: count },
      ...{ behind: count.nullable(), deadLetters: count },
    }),
  ),
  ruleCount: count,
  openAlerts: z.array(
    z.object({ rule: z.string(), severity: z.string(), state: z.string(), count }),
  ),
});
const agentSchema = z.object({
  agent: z.string(),
  diverged: z.boolean(),
  lastSeen: z.string(),
  lagMs: count.nullable(),
  lineCount: count,
  sources: z.array(z.object({ state: z.string() })),
});
const agentsSchema = z.object({ agents: z.array(agentSchema), next: z.string().optional() });

/** What an aggregator says of itself and of its agents. */
export interface AggregatorStatus extends z.output<typeof statusSchema> {
  readonly agents: readonly z.output<typeof agentSchema>[];
}

/** Two looks at an aggregator, some time apart; undefined after the first. */
export interface EarlierLook {
  readonly status: AggregatorStatus;
  readonly elapsedMs: number;
}

/** Asks for the status. Fails as {@link askAggregator} does, also when something else answers. */
export async function askAggregatorStatus(
  io: CommandIo,
  endpoint: string,
): Promise<AggregatorStatus> {
  const status = read(statusSchema, await askAggregator(io, endpoint, "/v1/status"), endpoint);
  const agents: z.output<typeof agentSchema>[] = [];
  let next = "";
  do {
    const path = `/v1/agents?limit=1000${next}`;
    const page = read(agentsSchema, await askAggregator(io, endpoint, path), endpoint);
    agents.push(...page.agents);
    next = page.next === undefined ? "" : `&next=${encodeURIComponent(page.next)}`;
  } while (next !== "");
  return { ...status, agents };
}

function read<S extends z.ZodType>(schema: S, answer: unknown, endpoint: string): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new TailraceError("REQUEST_REFUSED", `${endpoint} answers like no aggregator`, {
    facts: { endpoint },
  });
}

/** More agents than a screen holds: those furthest behind are shown. */
const AGENTS_MAX = 20;

/** Everything that `status` and `top` show of an aggregator. */
export function aggregatorStatusText(
  status: AggregatorStatus,
  endpoint: string,
  earlier: EarlierLook | undefined,
): string {
  const { lines, watermark, clock, windowChanges, failing } = status;
  const rate = (now: number, of: (before: AggregatorStatus) => number) =>
    earlier === undefined
      ? ""
      : ` (${((1_000 * (now - of(earlier.status))) / earlier.elapsedMs).toFixed(1)}/s)`;
  const lag =
    watermark === null || clock === null ? null : Date.parse(clock) - Date.parse(watermark);
  const heads = [
    `aggregator at ${endpoint}: ${status.isReady ? "ready" : "NOT READY"}`,
    ...failing.map(({ name, detail }) => `${name}: ${detail}`),
    `lines: ${lines.received} received${rate(lines.received, (before) => before.lines.received)}, ${lines.merged} merged, ${lines.tooLate} too late`,
    `windows: ${windowChanges} changes${rate(windowChanges, (before) => before.windowChanges)}; ${watermark === null ? "no watermark yet" : `watermark ${watermark}, ${durationText(lag)} behind the clock`}`,
    `rules: ${status.ruleCount}; alerts: ${alertsText(status)}`,
  ];
  const parts = [agentsText(status), sinksText(status), sourcesText(status)];
  const shown = heads.map((line) => line.replace(/\p{Cc}/gu, "\ufffd"));
  return `${shown.join("\n")}\n${parts.map((part) => (part === "" ? "" : `\n${part}`)).join("")}`;
}

function alertsText({ openAlerts }: AggregatorStatus): string {
  if (openAlerts.length === 0) return "none open";
  return openAlerts
    .map(({ rule, severity, state, count: alerts }) => `${alerts} ${state} ${rule} (${severity})`)
    .join(", ");
}

function agentsText({ agents }: AggregatorStatus): string {
  if (agents.length === 0) return "no agents\n";
  const furthest = agents.toSorted((a, b) => (b.lagMs ?? 0) - (a.lagMs ?? 0)).slice(0, AGENTS_MAX);
  const rows = furthest.map(({ agent, lastSeen, lagMs, lineCount, sources, diverged }) => [
    ...[agent, lastSeen, durationText(lagMs), String(lineCount)],
    [...Map.groupBy(sources, ({ state }) => state)]
      .map(([state, each]) => `${each.length} ${state}`)
      .concat(diverged ? ["DIVERGED"] : [])
      .join(", "),
  ]);
  const table = textTable(
    [
      ...([
        ["agent", "left"],
        ["last seen", "left"],
        ["lag", "right"],
      ] as const),
      ...([
        ["lines", "right"],
        ["sources", "left"],
      ] as const),
    ],
    rows,
  );
  const left = agents.length - furthest.length;
  return left === 0 ? table : `${table}and ${left} more agents, less far behind\n`;
}

function sinksText({ sinks }: AggregatorStatus): string {
  if (sinks.length === 0) return "";
  return textTable(
    [
      ...([
        ["sink", "left"],
        ["results", "left"],
        ["written", "right"],
        ["behind", "right"],
      ] as const),
      ...([
        ["dead letters", "right"],
        ["breaker", "left"],
        ["last failure", "left"],
      ] as const),
    ],
    sinks.map(({ name, results, written, behind, deadLetters, breaker, failure }) => [
      ...[name, results, String(written), String(behind), String(deadLetters)],
      ...[breaker, failure ?? ""],
    ]),
  );
}

function sourcesText({ sources }: AggregatorStatus): string {
  if (sources.length === 0) return "";
  return textTable(
    [
      ...([
        ["source", "left"],
        ["place", "left"],
        ["records", "right"],
      ] as const),
      ...([
        ["behind", "right"],
        ["dead letters", "right"],
      ] as const),
    ],
    sources.map(({ source, place, records, behind, deadLetters }) => [
      ...[source, place, String(records), String(behind ?? "-"), String(deadLetters)],
    ]),
  );
}

function durationText(ms: number | null): string {
  if (ms === null) return "-";
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
