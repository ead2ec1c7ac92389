import type { RunningThread, Threads } from "../../shared/platform/threads.ts";
import { type CountingShell, countParts, type PartCount, type ScanJob } from "./count-parts.ts";
import { type CountingTask, countingThread } from "./counting-thread.ts";
import { unpackWindows } from "./packed-windows.ts";
import { PartQueue, queueMemory } from "./part-queue.ts";

/** A thread that counts, and what it will have found. */
interface StartedThread {
  readonly thread: RunningThread;
  readonly counts: Promise<readonly PartCount[]>;
}

/**
 * Counts the parts of a job on `count` threads, of which the caller's is one. Fails when another thread fails, such as one that finds no memory; windows
 * that were handed over by then mean nothing. When the signal aborts, it resolves soon, and what it resolves with means nothing either.
 */
export async function countOnThreads(
  job: ScanJob,
  count: number,
  threads: Threads,
  shell: Omit<CountingShell, "nextPart">,
): Promise<PartCount[]> {
  const { signal } = shell;
  const memory = queueMemory(job.parts.length);
  const queue = new PartQueue(memory, 0, count);
  const others: StartedThread[] = [];
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve(), { once: true });
  try {
    for (let thread = 1; thread < count; thread++) {
      others.push(startThread(threads, { job, memory, thread, threads: count }, shell));
    }
    const own = await countParts(job, { ...shell, nextPart: () => queue.next() });
    if (signal.aborted) return own;
    const all = Promise.all(others.map(({ counts }) => counts));
    const found = await Promise.race([all, aborted.promise]);
    return [...own, ...(found ?? []).flat()];
  } finally {
    for (const { thread } of others) void thread.stop();
  }
}

function startThread(
  threads: Threads,
  task: CountingTask,
  { onWindows, onRead }: Pick<CountingShell, "onWindows" | "onRead">,
): StartedThread {
  const { promise, resolve, reject } = Promise.withResolvers<readonly PartCount[]>();
  const thread = threads.start(countingThread, task, (news) => {
    if (news.kind === "windows") onWindows(unpackWindows(news.windows));
    else if (news.kind === "read") onRead(news.bytes);
    else resolve(news.counts);
  });
  thread.ended.then(() => reject(new Error("it ended without a word")), reject);
  // Whoever waits for the other threads hears of it; nobody may wait any more.
  promise.catch(() => undefined);
  return { thread, counts: promise };
}
