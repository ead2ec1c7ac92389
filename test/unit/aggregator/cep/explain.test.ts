import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import { explainGraph, explainText } from "../../../../aggregator/cep/explain.ts";
import { present } from "../../../../shared/assert.ts";

const { automaton } = compilePattern({
  key: "userId",
  within: 60_000,
  stages: [
    { name: "a", where: "v > 1 || w" },
    { name: "b", contiguity: "followedBy", where: ['type == "B"', "v < 2"] },
    { name: "n", contiguity: "notFollowedBy", where: "v == 0" },
  ],
});

describe("an automaton explained", () => {
  it("as text names states and edges with their conditions", () => {
    expect(explainText(present(automaton, "automaton"))).toBe(`by userId, within 1m, noSkip
a (start)
  take    -> b when v > 1 || w
b (waits)
  take    -> n when type == "B" && v < 2
  ignore  -> b when !(type == "B" && v < 2)
n (match when the time runs out)
  proceed -> n:0 when v == 0
  ignore  -> n when !(v == 0)
n:0 (ends the partial match)
  take    -> n:0 when v == 0
`);
  });

  it("as a graph quotes what Graphviz would misread", () => {
    const graph = explainGraph(present(automaton, "automaton"), "rule");
    expect(graph).toMatch(/^digraph "rule" \{\n {2}rankdir=LR;\n/);
    expect(graph).toContain('"a" -> "b" [label="take when v > 1 || w", style=solid];');
    expect(graph).toContain('label="take when type == \\"B\\" && v < 2"');
    expect(graph).toContain('"n" [shape=diamond];');
  });

  it("says of a stage that leaks how much it holds", () => {
    const leaking = compilePattern({
      key: "user",
      stages: [{ name: "a", where: "v", times: { min: 6, max: 6 }, leak: 10_000, distinct: "ip" }],
    });
    expect(explainText(present(leaking.automaton, "automaton"))).toBe(
      `by user, a match when it holds more than 5, of which one leaks each 10s
a (start)
  take    -> a when v && ip is that of no event of a
  take    -> $endState$ when v && ip is that of no event of a
$endState$ (match)
`,
    );
  });
});
