import type { Facts, Logger } from "../../shared/log.ts";

/** A message that a person may want to see. */
export interface Problem {
  readonly at: string;
  readonly level: "error" | "warn";
  readonly message: string;
  readonly facts: Facts;
}

/** A logger that hands everything on and remembers the newest error or warning. */
export class ProblemMemory implements Logger {
  readonly #logger: Logger;
  readonly #now: () => number;
  #last: Problem | undefined;

  constructor(logger: Logger, now: () => number) {
    this.#logger = logger;
    this.#now = now;
  }

  /** The newest error or warning since the start. */
  get last(): Problem | undefined {
    return this.#last;
  }

  error(message: string, facts?: Facts): void {
    this.#note("error", message, facts);
    this.#logger.error(message, facts);
  }

  warn(message: string, facts?: Facts): void {
    this.#note("warn", message, facts);
    this.#logger.warn(message, facts);
  }

  info(message: string, facts?: Facts): void {
    this.#logger.info(message, facts);
  }

  debug(message: string, facts?: Facts): void {
    this.#logger.debug(message, facts);
  }

  #note(level: Problem["level"], message: string, facts: Facts = {}): void {
    this.#last = { at: new Date(this.#now()).toISOString(), level, message, facts };
  }
}
