import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import { type Pattern, patternSchema } from "../../../../aggregator/cep/pattern.ts";

const pattern: Pattern = {
  key: "userId",
  within: 10,
  stages: [
    { name: "a", where: "type == 'A'", times: { min: 1, max: null } },
    { name: "b", contiguity: "next", where: ["v > 1", "v < 9"] },
  ],
};

const fingerprint = (changes: Partial<Pattern> = {}) =>
  compilePattern({ ...pattern, ...changes }).automaton?.fingerprint;

describe("the fingerprint of a pattern", () => {
  it("is the same in whatever order its keys are written", () => {
    const [a, b] = pattern.stages;
    const stages = [a, b].map((stage) =>
      Object.fromEntries(Object.entries(stage ?? {}).toReversed()),
    );
    const reordered = patternSchema.parse({ name: "p", stages, within: "10ms", key: "userId" });
    expect(compilePattern(reordered).automaton?.fingerprint).toBe(fingerprint());
  });

  it("is another one for every other pattern", () => {
    const [a, b] = pattern.stages;
    if (a === undefined || b === undefined) throw new Error("two stages");
    const others: Partial<Pattern>[] = [
      { key: "orderId" },
      { within: 11 },
      { skip: "skipToNext" },
      { stages: [a, { ...b, where: "v > 1" }] },
      { stages: [a, { ...b, contiguity: "followedBy" }] },
      { stages: [{ ...a, times: { min: 2, max: null } }, b] },
      { stages: [{ ...a, name: "z" }, b] },
    ];
    const all = [fingerprint(), ...others.map(fingerprint)];
    expect(new Set(all).size).toBe(others.length + 1);
  });
});

describe("the compiler", () => {
  it("gives the states that it gave when stored state was written; else COMPILER_VERSION must rise", () => {
    const file = join(import.meta.dirname, "../../../golden/cep/cases.ndjson.gz");
    const texts = gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n");
    const hash = createHash("sha256");
    for (const text of texts) {
      const parsed = patternSchema.safeParse(
        z.object({ pattern: z.unknown() }).parse(JSON.parse(text)).pattern,
      );
      const automaton = parsed.success ? compilePattern(parsed.data).automaton : undefined;
      if (automaton === undefined) continue;
      for (const { index, name, kind, edges } of automaton.states) {
        const ways = edges.map(({ action, target, condition }) => [
          ...[action, target.index, condition.text],
        ]);
        hash.update(JSON.stringify([index, name, kind, ways]));
      }
    }
    expect(hash.digest("hex").slice(0, 16)).toBe("fe9d9256bc1e9a73");
  });
});
