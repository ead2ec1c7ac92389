import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type LocalLog,
  type LocalLogOptions,
  openLocalLog,
} from "../../../../aggregator/log/local-log.ts";
import type { Owner } from "../../../../aggregator/log/log.ts";
import { MemoryState, MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import type { Platform } from "../../../../shared/platform/platform.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";

/** Does nothing. */
export const ignore = () => undefined;

/** Never aborted. */
export const noSignal = new AbortController().signal;

/** A temporary folder on the real disk in which an embedded log can be opened again and again, and the state beside it. */
export class LogPlace {
  readonly directory = mkdtempSync(join(tmpdir(), "local-log-"));
  folder = join(this.directory, "log");
  state = new MemoryState();

  /** Opens the log with small segments, as the options say otherwise. */
  open(
    options: Partial<LocalLogOptions> = {},
    platform: Partial<Platform> = {},
  ): Promise<LocalLog> {
    return openLocalLog(
      { ...realPlatform, ...platform },
      {
        directory: this.folder,
        store: new MemoryStore(this.state),
        logger: { error: ignore, warn: ignore, info: ignore, debug: ignore },
        bytesMax: 1_000_000,
        segmentBytesMax: 1_000,
        ...options,
      },
    );
  }

  segmentNames(): string[] {
    return readdirSync(this.folder).filter((name) => name.startsWith("batches-"));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Appends a text. */
export function append(log: LocalLog, text: string, sync = true): Promise<number> {
  return log.append("batches", 0, Buffer.from(text), { sync });
}

/** Position and text of all that is in the log, up to a record that is appended now. */
export async function contents(log: LocalLog): Promise<(readonly [number, string])[]> {
  const owner = await log.own("contents", 0, ignore);
  const marker = await append(log, "marker");
  const found: (readonly [number, string])[] = [];
  for (let next = 0; next < marker; ) {
    for (const record of await owner.read("batches", next, 1_000, noSignal)) {
      next = record.position + 1;
      if (record.position < marker) found.push([record.position, String(record.payload)]);
    }
  }
  return found;
}

/** Commits a position and nothing else. */
export async function commitPosition(owner: Owner, position: number): Promise<void> {
  await owner.commit({ positions: [{ topic: "batches", position }], changes: [], records: [] });
}
