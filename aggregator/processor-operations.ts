import type { Timers } from "../shared/platform/timers.ts";
import { type AuditEntry, DONE, type Operation } from "./alerts/operation.ts";
import type { Processor } from "./process/processor.ts";
import { readAudit } from "./serve/operate-alerts.ts";

/** Longest wait until an operation is committed. */
const WAIT_MS_MAX = 5_000;
const LOOK_MS = 50;
/** Operations that may have come behind one while its result was looked for. */
const AUDIT_COUNT = 200;

/**
 * Puts an operation into the log and resolves with what came of it, once that is committed; undefined when that takes too long, or happens
 * in another process. Fails as the log does: LOG_FULL, LOG_UNAVAILABLE, LOG_UNKNOWN.
 */
export async function operateOn(
  processor: Processor,
  timers: Timers,
  asked: { readonly tenant: string; readonly operation: Operation },
): Promise<AuditEntry | undefined> {
  const { tenant, operation } = asked;
  const json = JSON.stringify(operation);
  const appended = await processor.append({ kind: "operation", tenant, json });
  const stop = new AbortController();
  const timeout = timers.sleep(WAIT_MS_MAX, stop.signal).then(() => stop.abort());
  try {
    await appended.result(stop.signal);
    // With the embedded log it is done now; else stage 2 comes to it in a moment.
    while (!stop.signal.aborted) {
      const views = processor.windowViews();
      const said = views
        .flatMap((view) => readAudit(view, AUDIT_COUNT))
        .filter(({ operationId }) => operationId === operation.operationId);
      const done = said.find(({ result }) => result === DONE);
      if (done !== undefined) return done;
      if (said.length > 0 && said.length === views.length) return said[0];
      await timers.sleep(LOOK_MS, stop.signal);
    }
    return undefined;
  } finally {
    stop.abort();
    await timeout;
  }
}
