import { expect, it } from "vitest";
import { BucketMatcher } from "../../../../aggregator/cep/bucket-matcher.ts";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import { createMatcher } from "../../../../aggregator/cep/create-matcher.ts";
import { Matcher } from "../../../../aggregator/cep/matcher.ts";
import { KEY_LIMITS_DEFAULT } from "../../../../aggregator/cep/operator.ts";
import { present } from "../../../../shared/assert.ts";

it("only a stage that leaks is a bucket", () => {
  const times = { min: 2, max: 2 };
  const made = [{}, { leak: 1_000 }].map((more) => {
    const { automaton } = compilePattern({ stages: [{ name: "a", times, ...more }] });
    return createMatcher(present(automaton, "automaton"), KEY_LIMITS_DEFAULT, () => undefined);
  });
  expect(made.map(({ constructor }) => constructor)).toEqual([Matcher, BucketMatcher]);
});
