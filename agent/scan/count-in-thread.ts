import { realClock } from "../../shared/platform/clock.ts";
import { realDisk } from "../../shared/platform/real-disk.ts";
import { countParts } from "./count-parts.ts";
import { countingThread } from "./counting-thread.ts";
import { packWindows } from "./packed-windows.ts";
import { PartQueue } from "./part-queue.ts";

/** So much is read between two messages about it. */
const READ_BYTES_TOLD = 8 * 1024 * 1024;

/** Counts parts of the thread's task until none is left, and tells what was found. */
export async function countInThread(): Promise<void> {
  const { task, tell } = countingThread.inside();
  const queue = new PartQueue(task.memory, task.thread, task.threads);
  let readBytes = 0;
  const counts = await countParts(task.job, {
    disk: realDisk,
    stdin: nothing(),
    nowMs: () => realClock.now(),
    nextPart: () => queue.next(),
    onWindows: (deltas) => {
      const windows = packWindows(deltas);
      tell({ kind: "windows", windows }, [windows.rows.buffer, windows.bins.buffer]);
    },
    onRead: (bytes) => {
      readBytes += bytes;
      if (readBytes < READ_BYTES_TOLD) return;
      tell({ kind: "read", bytes: readBytes });
      readBytes = 0;
    },
    // Whoever wants it to stop ends the thread.
    signal: new AbortController().signal,
  });
  tell({ kind: "counts", counts });
}

async function* nothing(): AsyncGenerator<Buffer> {
  // Standard input is never counted in a thread of its own.
}
