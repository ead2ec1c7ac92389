/** An agent's status as people read it. */
import { BALANCED_KINDS } from "../../shared/protocol/batch.ts";
import { textTable } from "../../shared/text-table.ts";
import type { StatusAnswer } from "../admin/status.ts";

const SOURCE_COLUMNS = [
  ["source", "left"],
  ["files", "right"],
  ["open", "right"],
  ["backlog", "right"],
  ["read", "right"],
  ["aggregated", "right"],
  ["filtered", "right"],
  ["rejected", "right"],
  ["lost", "right"],
] as const;

/** Older problems are no news; the log has them. */
const PROBLEM_SHOWN_MS = 24 * 3_600_000;

/** Everything that `status` and `top` show; `nowMs` tells how long the agent has been running. */
export function statusText(status: StatusAnswer, nowMs: number): string {
  const { agent, mode, isReady, applied, sealed, accepted, spoolBytes, spoolBytesMax } = status;
  const upMs = Math.max(0, nowMs - Date.parse(status.startedAt));
  const ready = isReady ? "ready" : "NOT READY";
  const doing = mode === "hello" ? "waits for an aggregator" : mode;
  const fill = ((100 * spoolBytes) / spoolBytesMax).toFixed(1);
  const lines = [
    `agent ${agent}, process ${status.process}, up ${upTime(upMs)}: ${ready}, ${doing}`,
    `reads ${status.linesPerSecond.toFixed(0)} lines/s, ${sizeText(status.bytesPerSecond)}/s; ${sizeText(status.readBytes)} since the start`,
    `batches: ${sealed} sealed, ${accepted} accepted, ${applied} applied, ${Math.max(0, sealed - applied)} wait; spool ${sizeText(spoolBytes)} of ${sizeText(spoolBytesMax)} (${fill} %) in ${status.segmentCount} segments${status.isSpoolFull ? ", FULL" : ""}`,
    `ships to ${status.endpoints.join(", ")}${status.logId === undefined ? "" : `, log ${status.logId}`}`,
  ];
  const unreadable = status.sources.flatMap(({ name, unreadableCount = 0 }) =>
    unreadableCount === 0 ? [] : [`${unreadableCount} of ${name}`],
  );
  if (unreadable.length > 0) {
    lines.push(`files that cannot be read: ${unreadable.join(", ")}`);
  }
  if (status.damageCount > 0) lines.push(`the spool was found damaged ${status.damageCount} times`);
  const { lastProblem } = status;
  const agoMs = lastProblem === undefined ? 0 : Math.max(0, nowMs - Date.parse(lastProblem.at));
  if (lastProblem !== undefined && agoMs < PROBLEM_SHOWN_MS) {
    const facts = Object.entries(lastProblem.facts).map(([name, value]) => `${name}=${value}`);
    const text = [lastProblem.at, lastProblem.level, lastProblem.message, ...facts].join(" ");
    lines.push(`last problem, ${upTime(agoMs)} ago: ${text.replace(/\p{Cc}/gu, "\ufffd")}`);
  }
  const rows = status.sources.map((source) => [
    source.name,
    String(status.files.filter((file) => file.source === source.name).length),
    String(source.openFileCount),
    sizeText(source.backlogBytes),
    String(linesOf(status, source.name, BALANCED_KINDS)),
    ...["aggregated", "filtered", "rejected", "lost"].map((kind) =>
      String(linesOf(status, source.name, [kind])),
    ),
  ]);
  return `${lines.join("\n")}\n\n${textTable(SOURCE_COLUMNS, rows)}`;
}

function linesOf(status: StatusAnswer, source: string, kinds: readonly string[]): number {
  let lines = 0;
  for (const entry of status.ledger) {
    if (entry.source === source && kinds.includes(entry.kind)) lines += entry.lines;
  }
  return lines;
}

const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes in the unit that fits. */
function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < SIZE_UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${SIZE_UNITS[unit] ?? "B"}`;
}

function upTime(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`;
}
