import { ThreadModule } from "../../shared/platform/threads.ts";
import type { PartCount, ScanJob } from "./count-parts.ts";
import type { PackedWindows } from "./packed-windows.ts";

/** What a thread is given that counts parts of a scan. */
export interface CountingTask {
  readonly job: ScanJob;
  /** Of the queues of all threads. */
  readonly memory: SharedArrayBuffer;
  /** Its number among `threads`. */
  readonly thread: number;
  readonly threads: number;
}

/** What such a thread tells. `counts` comes last: then it has counted all that it took. */
export type CountingNews =
  | { readonly kind: "windows"; readonly windows: PackedWindows }
  | { readonly kind: "read"; readonly bytes: number }
  | { readonly kind: "counts"; readonly counts: readonly PartCount[] };

/** What runs in these threads. */
export const countingThread: ThreadModule<CountingTask, CountingNews> = new ThreadModule(
  new URL("./scan-thread.ts", import.meta.url),
);
