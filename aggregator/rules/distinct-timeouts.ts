import type { Value } from "../../shared/expression/parse.ts";
import type { Found } from "../cep/matcher.ts";

/**
 * Without timeouts that say what another one said (of the same key, if they name one): as in Flink, a partial match can stand in several states of the automaton at once (a loop, and
 * what waits behind it), and each state times out. Which of them there are even depends on events that the rule ignores. Matches are never twins.
 */
export function distinctTimeouts<F extends Found & { readonly key?: Value }>(
  found: readonly F[],
): F[] {
  const seen = new Set<string>();
  return found.filter(({ kind, key, ts, stages }) => {
    if (kind === "match") return true;
    const ids = [...stages].map(([stage, events]) => [stage, events.map(({ id }) => id)]);
    const text = JSON.stringify([key, ts, ids]);
    const isNew = !seen.has(text);
    seen.add(text);
    return isNew;
  });
}
