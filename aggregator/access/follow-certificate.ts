import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Listener } from "../../shared/platform/network.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import type { TlsFiles } from "../../shared/platform/tls-files.ts";

/** What {@link followCertificate} needs. */
export interface FollowParts {
  readonly files: TlsFiles;
  readonly listener: Listener;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const LOOK_MS = 5_000;

/** Has a listener use certificates that were renewed; those that cannot be used are told, and the ones before stay. */
export async function followCertificate(parts: FollowParts): Promise<void> {
  const { files, listener, timers, logger, signal } = parts;
  let complaint = "";
  while (!signal.aborted) {
    await timers.sleep(LOOK_MS, signal);
    try {
      if (!(await files.renew())) continue;
      listener.renew?.(files.material);
      logger.info("the renewed certificate is in use");
      complaint = "";
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      const detail = error.message;
      if (detail !== complaint) logger.error("the certificate before stays in use", { detail });
      complaint = detail;
    }
  }
}
