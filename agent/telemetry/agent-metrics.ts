/** The agent's metrics: how far it is, what waits, and every line and byte by what became of it, losses by their reasons. */
import type { ProcessUsage } from "../../shared/platform/process-usage.ts";
import type { StatusAnswer } from "../admin/status.ts";
import type { Metric, MetricPoint } from "./metric.ts";

type Source = StatusAnswer["sources"][number];
type Entry = StatusAnswer["ledger"][number];

/** All metrics of an agent that stands as `status` says. */
export function agentMetrics(status: StatusAnswer, usage: ProcessUsage): Metric[] {
  return [...progressMetrics(status), ...sourceMetrics(status), ...processMetrics(status, usage)];
}

function progressMetrics(status: StatusAnswer): Metric[] {
  const { sealed, accepted, applied } = status;
  const stages = Object.entries({ sealed, accepted, applied });
  return [
    gauge("tailrace_agent_ready", "1 while the agent progresses.", status.isReady ? 1 : 0),
    counter("tailrace_agent_read_bytes_total", "Bytes read since the start.", status.readBytes),
    {
      ...{ name: "tailrace_agent_batch_sequence", type: "gauge" },
      help: "Number of the newest batch that is in the spool, held by an aggregator, and merged there.",
      points: stages.map(([stage, value]) => ({ labels: { stage }, value })),
    },
    gauge("tailrace_agent_spool_bytes", "Size of the disk queue.", status.spoolBytes),
    gauge(
      "tailrace_agent_spool_limit_bytes",
      "Size of the disk queue at which reading stops.",
      status.spoolBytesMax,
    ),
    gauge(
      "tailrace_agent_spool_full",
      "1 while reading stops because the disk queue is full.",
      status.isSpoolFull ? 1 : 0,
    ),
    counter(
      "tailrace_agent_spool_damages_total",
      "Times that the disk queue was found damaged, since the start.",
      status.damageCount,
    ),
  ];
}

function sourceMetrics({ sources, ledger }: StatusAnswer): Metric[] {
  const ofSource = (name: string, help: string, value: (source: Source) => number): Metric => ({
    ...{ name, help, type: "gauge" },
    points: sources.map((source) => ({ labels: { source: source.name }, value: value(source) })),
  });
  const ofLedger = (name: string, help: string, value: (entry: Entry) => number): Metric => ({
    ...{ name, help, type: "counter" },
    points: ledger.filter(({ kind }) => kind !== "held").map((entry) => entryPoint(entry, value)),
  });
  return [
    ofSource(
      "tailrace_agent_backlog_bytes",
      "Bytes that are known and not yet read.",
      ({ backlogBytes }) => backlogBytes,
    ),
    ofSource("tailrace_agent_open_files", "Files that are open.", (source) => source.openFileCount),
    ofSource(
      "tailrace_agent_unreadable_files",
      "Files that match and cannot be read.",
      ({ unreadableCount = 0 }) => unreadableCount,
    ),
    ofLedger(
      "tailrace_agent_lines_total",
      "Lines, or events, by what became of them: kind lost is what nobody will ever count.",
      ({ lines }) => lines,
    ),
    ofLedger(
      "tailrace_agent_bytes_total",
      "Bytes by what became of them: kind lost is what nobody will ever count.",
      ({ bytes }) => bytes,
    ),
    {
      ...{ name: "tailrace_agent_lost_bytes_total", type: "counter" },
      help: "Bytes that nobody will ever count, of every source, also while there are none.",
      points: sources.map(({ name }) => ({
        labels: { source: name },
        value: lostBytes(ledger, name),
      })),
    },
    {
      ...{ name: "tailrace_agent_held_bytes", type: "gauge" },
      help: "Bytes that were read and wait to be read again.",
      points: ledger
        .filter(({ kind }) => kind === "held")
        .map(({ source, bytes }) => ({ labels: { source }, value: bytes })),
    },
  ];
}

function lostBytes(ledger: readonly Entry[], name: string): number {
  let bytes = 0;
  for (const entry of ledger)
    if (entry.kind === "lost" && entry.source === name) bytes += entry.bytes;
  return bytes;
}

function entryPoint(entry: Entry, value: (entry: Entry) => number): MetricPoint {
  const { source, kind, reason } = entry;
  return { labels: { source, kind, reason }, value: value(entry) };
}

function processMetrics({ startedAt }: StatusAnswer, usage: ProcessUsage): Metric[] {
  return [
    counter("process_cpu_seconds_total", "User and system.", usage.cpuSeconds),
    gauge("process_resident_memory_bytes", "Resident memory.", usage.residentBytes),
    gauge("tailrace_agent_heap_bytes", "Used bytes of JavaScript's heap.", usage.heapUsedBytes),
    gauge(
      "process_start_time_seconds",
      "When the agent started, since the Unix epoch.",
      Date.parse(startedAt) / 1000,
    ),
  ];
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: "gauge", points: [{ labels: {}, value }] };
}

function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: "counter", points: [{ labels: {}, value }] };
}
