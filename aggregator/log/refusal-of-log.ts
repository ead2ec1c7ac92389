import { TailraceError } from "../../shared/errors.ts";
import type { Refusal } from "../../shared/protocol/http-answer.ts";

/** The refusal of what the log did not confirm: sending again is right, whatever became of it. Throws what is no operating error. */
export function refusalOfLog(error: unknown): Refusal {
  if (!(error instanceof TailraceError) || error.retry === "never") throw error;
  if (error.code === "LOG_FULL") {
    return {
      status: 503,
      code: "log_full",
      detail: "The log is at its size limit; nothing was taken. Keep the records and try again.",
      retryAfterSeconds: 10,
    };
  }
  return {
    status: 503,
    code: "log_unavailable",
    detail: `The log did not confirm the records (${error.code}). Keep them and try again.`,
    retryAfterSeconds: 1,
  };
}
