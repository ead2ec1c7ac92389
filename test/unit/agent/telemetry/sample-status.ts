import type { StatusAnswer } from "../../../../agent/admin/status.ts";

/** An agent that has counted, rejected, lost and holds something. */
export const sampleStatus: StatusAnswer = {
  agent: "web-1",
  mode: "sending",
  isReady: true,
  sealed: 7,
  accepted: 6,
  applied: 5,
  spoolBytes: 4096,
  segmentCount: 1,
  isSpoolFull: false,
  readBytes: 5_000,
  damageCount: 0,
  process: 42,
  startedAt: "2026-11-20T10:00:00.000Z",
  spoolBytesMax: 65_536,
  bytesPerSecond: 10,
  linesPerSecond: 1,
  endpoints: ["http://127.0.0.1:7400"],
  sources: [
    { name: "app", backlogBytes: 12, openFileCount: 2, unreadableCount: 1, pendingKeys: 0 },
    { name: 'odd "name"\\', backlogBytes: 0, openFileCount: 0, pendingKeys: 0 },
  ],
  files: [],
  fileCount: 0,
  ledger: [
    { source: "app", kind: "aggregated", reason: "", lines: 40, bytes: 4_000 },
    { source: "app", kind: "rejected", reason: "too_long", lines: 1, bytes: 900 },
    { source: "app", kind: "lost", reason: "rotated_away", lines: 0, bytes: 70 },
    { source: "app", kind: "lost", reason: "lost_by_aggregator", lines: 0, bytes: 30 },
    { source: "app", kind: "held", reason: "", lines: 0, bytes: 25 },
  ],
};
