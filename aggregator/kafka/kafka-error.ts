import { TailraceError } from "../../shared/errors.ts";

/** Causes are followed this far. */
const DEPTH_MAX = 8;

/** Kafka's name of what went wrong, such as `MESSAGE_TOO_LARGE`; undefined when Kafka itself did not refuse. */
export function kafkaErrorType(error: unknown): string | undefined {
  let at = error;
  for (let depth = 0; depth < DEPTH_MAX && typeof at === "object" && at !== null; depth++) {
    const type: unknown = Reflect.get(at, "type");
    if (typeof type === "string") return type;
    at = Reflect.get(at, "cause");
  }
  return undefined;
}

/** A {@link TailraceError} that says what did not work and why. */
export function kafkaFailed(what: string, cause: unknown): TailraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const type = kafkaErrorType(cause);
  const facts = type === undefined ? {} : { type };
  return new TailraceError("KAFKA_FAILED", `${what}: ${reason}`, { cause, facts });
}
