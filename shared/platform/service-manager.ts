import { execFile } from "node:child_process";
import { TailraceError } from "../errors.ts";

/** What a service can tell the manager that started it (sd_notify(3)). */
export type ServiceState = "ready" | "reloading" | "stopping" | "watchdog";

/** The manager that started this process as a service, such as systemd. */
export interface ServiceManager {
  /** The manager expects `watchdog` more often than this; undefined: it does not watch. */
  readonly watchdogMs: number | undefined;
  /**
   * Tells a state and a text for people; resolves when it is told, at once when there is no manager.
   * Fails with SERVICE_MANAGER_FAILED.
   */
  notify(state: ServiceState, text?: string): Promise<void>;
}

/** Nobody listens. */
export const noServiceManager: ServiceManager = {
  watchdogMs: undefined,
  notify: () => Promise.resolve(),
};

const NOTIFY_TIMEOUT_MS = 5_000;

/**
 * The manager that the environment names: with NOTIFY_SOCKET one that is told by `program`, because Node has no datagram socket in the unix
 * domain; the unit needs `NotifyAccess=all` for it. Without NOTIFY_SOCKET nobody.
 */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  program = "systemd-notify",
): ServiceManager {
  if ((environment["NOTIFY_SOCKET"] ?? "") === "") return noServiceManager;
  const watchdogUs = Number(environment["WATCHDOG_USEC"] ?? 0);
  let turn = Promise.resolve();
  return {
    watchdogMs: watchdogUs > 0 ? watchdogUs / 1000 : undefined,
    notify: (state, text) => {
      const words = [...assignments(state), ...(text === undefined ? [] : [`STATUS=${text}`])];
      // One after the other, so that what is told last stands.
      const told = turn.then(() => tell(program, words, environment));
      turn = told.catch(() => undefined);
      return told;
    },
  };
}

function assignments(state: ServiceState): string[] {
  switch (state) {
    case "ready":
      return ["READY=1"];
    case "reloading":
      return ["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`];
    case "stopping":
      return ["STOPPING=1"];
    case "watchdog":
      return ["WATCHDOG=1"];
    default:
      return state satisfies never;
  }
}

function tell(
  program: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...environment }, timeout: NOTIFY_TIMEOUT_MS };
    execFile(program, [...words], options, (cause) => {
      if (cause === null) {
        resolve();
        return;
      }
      const text = `${program} ${words.join(" ")} failed: ${cause.message.trim()}; it is a part of systemd`;
      reject(new TailraceError("SERVICE_MANAGER_FAILED", text, { cause }));
    });
  });
}
