import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import type { KeyLimits } from "../../../../aggregator/cep/matcher.ts";
import { type KeyFound, PatternOperator } from "../../../../aggregator/cep/operator.ts";
import type { Pattern } from "../../../../aggregator/cep/pattern.ts";
import type { CepEvent } from "../../../../aggregator/cep/shared-buffer.ts";

/** An operator for a pattern that must be right. */
export function operatorOf(pattern: Pattern, limits?: KeyLimits): PatternOperator {
  const { automaton, faults } = compilePattern(pattern);
  if (automaton === undefined) throw new Error(JSON.stringify(faults));
  return new PatternOperator(automaton, limits);
}

/** `A@5` is an event of type A at 5 ms, `A@5:k2` one of key k2, else k1; ids count from 0. */
export function eventsOf(text: string): CepEvent[] {
  return text.split(" ").map((part, id) => {
    const [, type = "", ts = "", key = "k1"] = /^(\w+)@(\d+)(?::(\w+))?$/.exec(part) ?? [];
    return { id, ts: Number(ts), key, type, fields: {} };
  });
}

/** Feeds all events, moving the watermark to just below each, then to the end; what came out, as `match k1 @5 a=0,1 b=2`. */
export function run(operator: PatternOperator, events: readonly CepEvent[]): string[] {
  const found: string[] = [];
  const emit = (one: KeyFound) => found.push(shown(one));
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const event of events) {
    operator.add(event);
    newestMs = Math.max(newestMs, event.ts);
    operator.advance(newestMs - 1, emit);
  }
  operator.advance(Number.POSITIVE_INFINITY, emit);
  return found;
}

/** One result as text. */
export function shown({ kind, key, ts, stages }: KeyFound): string {
  const parts = [...stages].map(([stage, events]) => `${stage}=${events.map(({ id }) => id)}`);
  return [kind, key, `@${ts}`, ...parts].join(" ");
}
