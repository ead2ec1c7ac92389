/** What people write: configuration, rules, conditions, cases. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { agentConfig } from "../../agent/config.ts";
import { aggregatorConfig } from "../../aggregator/config.ts";
import { loadRules } from "../../aggregator/rules/load-rules.ts";
import { runCaseText } from "../../aggregator/rules/run-case.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { compilePredicate } from "../../shared/expression/compile.ts";
import { parseExpression } from "../../shared/expression/parse.ts";
import { printExpression } from "../../shared/expression/print.ts";
import type { FuzzTarget } from "./fuzz-target.ts";

/** Faults with places within the file, or a configuration. */
function configTarget(schema: typeof agentConfig | typeof aggregatorConfig, text: string) {
  const feed = (input: Buffer) => {
    const loaded = loadConfig(schema, input.toString(), "f.yaml");
    if (loaded.faults === undefined) return "loaded";
    assert.ok(loaded.faults.length > 0);
    for (const { line, column } of loaded.faults) assert.ok(line >= 1 && column >= 1);
    return (loaded.faults[0]?.message ?? "").replace(/["`'\d].*/s, "");
  };
  return { seeds: [Buffer.from(text)], feed } satisfies FuzzTarget;
}

const AGENT = `agent: web-1
data_dir: /var/lib/tailrace
aggregator: { url: "http://127.0.0.1:7400" }
sources:
  - name: app
    type: file
    paths: ["/var/log/app/*.log"]
    format: json
`;
const AGGREGATOR = `listen: 127.0.0.1:7400
data_dir: /var/lib/tailrace
sinks:
  - { name: out, type: file, path: /tmp/windows.ndjson }
sources:
  - { name: bus, type: kafka, brokers: ["127.0.0.1:9092"], topics: ["application-logs"] }
`;

function rulesTarget(): FuzzTarget {
  const folder = new URL("../../config/rules/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  const [first = Buffer.alloc(0), ...others] = files.map((name) =>
    readFileSync(new URL(name, folder)),
  );
  const feed = (input: Buffer) => {
    const { faults } = loadRules([{ file: "rule.yaml", text: input.toString() }]);
    if (faults === undefined) return "loaded";
    for (const { line, column } of faults) assert.ok(line >= 1 && column >= 1);
    return (faults[0]?.message ?? "").replace(/["`'\d].*/s, "");
  };
  return { seeds: [first, ...others], feed };
}

const NO_STAGES = { eventsOf: () => [] };
const EVENT = { id: 1, ts: 1, key: "k", type: "t", fields: { a: 1, b: "x", c: null } };

const withoutPlaces = (value: unknown) =>
  JSON.stringify(value, (key, part) => (key === "offset" ? undefined : part));

/** A condition that parses means the same when it is printed and parsed again. */
function expressionTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    const parsed = parseExpression(input.toString());
    if (parsed.expression === undefined) return parsed.fault.message;
    const printed = printExpression(parsed.expression);
    const again = parseExpression(printed).expression;
    assert.equal(again && printExpression(again), printed);
    assert.equal(withoutPlaces(again), withoutPlaces(parsed.expression), printed);
    const outcome = compilePredicate(parsed.expression)(EVENT, NO_STAGES);
    return `${parsed.expression.kind} ${outcome}`;
  };
  const texts = [
    "a > 10000 && !(b == 'x' || c in [1, 2, null])",
    "a - -1 * 2 / 3 >= avg(first.a) + count(first)",
    'b.c.d != "y\\n" && last(x.`a b`) < 1e3',
  ];
  return { seeds: [Buffer.from("true"), ...texts.map((text) => Buffer.from(text))], feed };
}

const CASE = {
  id: 1,
  pattern: {
    key: "k",
    skip: { kind: "noSkip" },
    within: 10,
    stages: [
      { name: "a", contiguity: "next", where: "v > 1", times: { from: 1, to: 2 } },
      { name: "b", contiguity: "followedBy", where: "v < 1" },
    ],
  },
  outOfOrderness: 0,
  events: [
    { id: 1, ts: 1, k: "u", v: 2 },
    { id: 2, ts: 2, k: "u", v: 0 },
  ],
};

/** Lines of `tailrace rules run --case`. */
function caseTarget(): FuzzTarget {
  const feed = (input: Buffer) => {
    const { matches, timeouts, error } = runCaseText(input.toString());
    JSON.stringify({ matches, timeouts });
    return `${matches.length} ${timeouts.length} ${error?.phase} ${error?.message.slice(0, 40)}`;
  };
  return { seeds: [Buffer.from(JSON.stringify(CASE))], feed };
}

/** Targets by name. */
export function textTargets(): [name: string, make: () => FuzzTarget][] {
  return [
    ["config:agent", () => configTarget(agentConfig, AGENT)],
    ["config:aggregator", () => configTarget(aggregatorConfig, AGGREGATOR)],
    ["config:rules", rulesTarget],
    ["config:condition", expressionTarget],
    ["config:case", caseTarget],
  ];
}
