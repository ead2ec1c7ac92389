import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import { PatternOperator } from "../../../../aggregator/cep/operator.ts";
import type { CepEvent } from "../../../../aggregator/cep/shared-buffer.ts";
import { restoreSnapshot, takeSnapshot } from "../../../../aggregator/cep/snapshot.ts";
import { present } from "../../../../shared/assert.ts";
import { eventsOf, operatorOf, run } from "./sample-patterns.ts";

const bucket = (count: number, leak: number, distinct?: string) => ({
  key: "key",
  stages: [
    {
      ...{ name: "a", where: "type == 'A'", times: { min: count, max: count }, leak },
      ...(distinct === undefined ? {} : { distinct }),
    },
  ],
});

/** A bucket of tokens: full at first, one more each `leak`, one fewer each event; an event without a token is one too many. */
function overflows(times: readonly number[], count: number, leak: number): number[] {
  const capacity = count - 1;
  let [tokens, beforeMs] = [capacity, 0];
  const found: number[] = [];
  for (const [index, ms] of times.entries()) {
    // In whole parts of a leak, so that nothing is rounded.
    tokens = Math.min(capacity * leak, tokens + (ms - beforeMs));
    beforeMs = ms;
    if (index === 0 || tokens >= capacity * leak) tokens = capacity * leak;
    if (tokens >= leak) tokens -= leak;
    else {
      found.push(ms);
      tokens = capacity * leak;
    }
  }
  return found;
}

describe("a bucket", () => {
  it("is a match when more events are in it than leak out, each key for itself, and begins anew", () => {
    const events = eventsOf("A@0 A@1 B@2 A@3:k2 A@4 A@5 A@6 A@7");
    expect(run(operatorOf(bucket(3, 100)), events)).toEqual([
      "match k1 @4 a=0,1,4",
      "match k1 @7 a=5,6,7",
    ]);
  });

  it("lets one event go each time, and none when it is empty", () => {
    expect(run(operatorOf(bucket(2, 10)), eventsOf("A@0 A@10 A@20"))).toEqual([]);
    expect(run(operatorOf(bucket(2, 10)), eventsOf("A@0 A@9"))).toEqual(["match k1 @9 a=0,1"]);
    expect(run(operatorOf(bucket(3, 10)), eventsOf("A@0 A@6 A@12 A@18 A@24"))).toEqual([
      "match k1 @18 a=1,2,3",
    ]);
  });

  it("counts events of other values only, when it is told to", () => {
    const users = ["u1", "u1", "u2", null, "u1", "u3"];
    const events = users.map((user, id): CepEvent => {
      return { id, ts: id, key: "k1", type: "A", fields: { user } };
    });
    expect(run(operatorOf(bucket(3, 100, "user")), events)).toEqual(["match k1 @5 a=0,2,5"]);
  });

  it("overflows exactly when a bucket of tokens is empty, and knows nothing at the end", () => {
    const steps = fc.array(fc.nat({ max: 40 }), { maxLength: 60 });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 6 }),
        fc.nat({ max: 30 }),
        (gaps, count, leak) => {
          let ms = 0;
          const times = gaps.map((gap) => (ms += gap));
          const events = times.map((ts, id): CepEvent => {
            return { id, ts, key: "k1", type: "A", fields: {} };
          });
          const operator = operatorOf(bucket(count, leak + 1));
          const found = run(operator, events).map((text) => Number(/@(\d+)/.exec(text)?.[1]));
          expect(found).toEqual(overflows(times, count, leak + 1));
          expect(operator.keyCount).toBe(0);
        },
      ),
    );
  });

  it("is the same after its state was taken and put back between any two events", () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 20 }), fc.boolean()), { maxLength: 30 });
    const { automaton } = compilePattern(bucket(4, 25));
    fc.assert(
      fc.property(steps, (gaps) => {
        let ms = 0;
        let operator = new PatternOperator(present(automaton, "automaton"));
        const plain = new PatternOperator(present(automaton, "automaton"));
        const [found, expected]: [unknown[], unknown[]] = [[], []];
        for (const [id, [gap, isSaved]] of gaps.entries()) {
          ms += gap;
          const event: CepEvent = { id, ts: ms, key: "k1", type: "A", fields: {} };
          for (const each of [operator, plain]) each.add(event);
          operator.advance(ms, (one) => found.push(one));
          plain.advance(ms, (one) => expected.push(one));
          if (!isSaved) continue;
          const restored = new PatternOperator(present(automaton, "automaton"));
          expect(
            restoreSnapshot(restored, JSON.parse(JSON.stringify(takeSnapshot(operator)))),
          ).toBe(true);
          operator = restored;
        }
        expect(found).toEqual(expected);
      }),
    );
  });
});
