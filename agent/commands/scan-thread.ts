/** One of the threads on which `scan` counts: it counts parts until none is left, tells what it found, and ends. */
import { keepCompiledCode } from "../../shared/platform/start-lean.ts";

/** So much is read between two messages about it. */
const READ_BYTES_TOLD = 8 * 1024 * 1024;

keepCompiledCode();
// Imported only now, so that what they load is kept as compiled code, too.
const { countParts } = await import("./count-parts.ts");
const { packWindows } = await import("./packed-windows.ts");
const { PartQueue } = await import("./part-queue.ts");
const { realClock } = await import("../../shared/platform/clock.ts");
const { realDisk } = await import("../../shared/platform/real-disk.ts");
const { countingThread } = await import("./counting-thread.ts");

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

async function* nothing(): AsyncGenerator<Buffer> {
  // Standard input is never counted in a thread of its own.
}
