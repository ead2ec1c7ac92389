import { describe, expect, it } from "vitest";
import type { HeldEvent } from "../../../../aggregator/cep/shared-buffer.ts";
import { pruningOf, SkipMissError } from "../../../../aggregator/cep/skip-strategy.ts";
import { eventsOf } from "./sample-patterns.ts";

const [event] = eventsOf("A@0");
const at = (order: number): HeldEvent => {
  if (event === undefined) throw new Error("no event");
  return { event, order, references: 1 };
};
const stages = new Map([
  ["a", [at(3), at(5)]],
  ["b", [at(6), at(8)]],
]);

function pruning(
  kind: "skipToNext" | "skipPastLastEvent" | "skipToFirst" | "skipToLast",
  stage?: string,
  failsOnMiss = false,
) {
  return pruningOf({ kind, stage, failsOnMiss }, stages);
}

describe("a match discards", () => {
  it("nothing without a skip strategy", () => {
    expect(
      pruningOf({ kind: "noSkip", stage: undefined, failsOnMiss: false }, stages),
    ).toBeUndefined();
  });

  it("what began up to its first or last event", () => {
    expect(pruning("skipToNext")).toEqual({ order: 3, isInclusive: true });
    expect(pruning("skipPastLastEvent")).toEqual({ order: 8, isInclusive: true });
  });

  it("what began before an event of a stage", () => {
    expect(pruning("skipToFirst", "b")).toEqual({ order: 6, isInclusive: false });
    expect(pruning("skipToLast", "b")).toEqual({ order: 8, isInclusive: false });
    expect(pruning("skipToLast", "none")).toBeUndefined();
  });

  it("nothing and fails, when the rule asks for that", () => {
    expect(() => pruning("skipToFirst", "a", true)).toThrow(SkipMissError);
    expect(() => pruning("skipToFirst", "none", true)).toThrow(/the match has no event of it/);
    expect(pruning("skipToLast", "a", true)).toEqual({ order: 5, isInclusive: false });
  });
});
