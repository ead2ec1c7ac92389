import type { Automaton } from "./automaton.ts";
import { BucketMatcher } from "./bucket-matcher.ts";
import { type KeyLimits, Matcher, type OnDrop } from "./matcher.ts";

/** What moves the state of a key, event by event. */
export type AnyMatcher = BucketMatcher | Matcher;

/** The matcher for a compiled pattern. */
export function createMatcher(automaton: Automaton, limits: KeyLimits, onDrop: OnDrop): AnyMatcher {
  const { bucket } = automaton;
  if (bucket !== undefined) return new BucketMatcher(automaton, bucket);
  return new Matcher(automaton, limits, onDrop);
}
