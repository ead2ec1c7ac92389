import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { aggregatorCommands } from "../../../../aggregator/commands/registry.ts";
import type { CommandIo } from "../../../../shared/command.ts";
import { runCommand } from "../../../../shared/run-command.ts";
import { pieces, temporaryFile, testIo } from "../../agent/commands/test-io.ts";

const rules = join(import.meta.dirname, "../../../../config/rules");
const fraud = join(rules, "fraud-suspicion.yaml");
const facts = { name: "tailrace", version: "1", summary: "" };

async function rulesCommand(words: readonly string[], changes: Partial<CommandIo> = {}) {
  const io = testIo(changes);
  const code = await runCommand(facts, aggregatorCommands, ["rules", ...words], io);
  return { code, output: io.output(), errors: io.errors() };
}

const lines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const EVENTS = [
  '{"ts": 1000, "userId": "u1", "amount": 20000}',
  '{"ts": 3000, "userId": "u1", "amount": 6000}',
  "",
  '{"ts": 2000, "userId": "u1", "amount": 1}',
  "not json",
  '{"userId": "u1"}',
].join("\n");

describe("rules run", () => {
  it("prints what rules find in a file, packed or not", async () => {
    const path = temporaryFile("events.ndjson.gz", gzipSync(EVENTS));
    const { code, output, errors } = await rulesCommand(["run", fraud, "--events", path]);
    expect(code).toBe(0);
    expect(lines(output)).toMatchObject([
      {
        rule: "fraud-suspicion",
        kind: "match",
        key: "u1",
        timestamp: "1970-01-01T00:00:03.000Z",
        alert: { alertType: "FRAUD_SUSPICION", severity: "critical" },
        events: { first: [{ id: 1 }], second: [{ id: 2 }] },
      },
    ]);
    expect(errors).toContain(`${path}:5: not_json\n${path}:6: no_time\n`);
    expect(errors).toContain(
      "1 events came too late; see --out-of-orderness\n2 lines are no events",
    );
  });

  it("counts events for threshold rules as agents count lines, in windows of their width", async () => {
    const event = (minute: number, endpoint: string, level: string) =>
      JSON.stringify({
        ...{ timestamp: new Date(minute * 60_000).toISOString(), service: "a" },
        ...{ endpoint, level, duration: 5 },
      });
    const events = [
      ...[event(7, "/x", "INFO"), event(1, "/x", "ERROR"), event(1, "/y", "INFO")],
      ...[event(2, "/y", "error"), event(2, "/y", "FATAL"), event(6, "/y", "INFO")],
    ].join("\n");
    const rule = (name: string, line: string) => `name: ${name}
summary: Errors.
${line}
condition: "errorRate > 0.6"
alert: { type: E, severity: info, message: "{{errorCount}}/{{requestCount}}" }
`;
    const paths = [
      temporaryFile("wide.yaml", Buffer.from(rule("wide", "window: 5m"))),
      temporaryFile("by.yaml", Buffer.from(rule("by", "by: [endpoint]"))),
    ];
    const words = ["run", ...paths, "--events", "-"];
    const { output } = await rulesCommand(words, { stdin: pieces([events]) });
    const told = lines(output).map(
      ({ rule: name, state, timestamp, dimensions, alert }) =>
        `${timestamp.slice(14, 19)} ${name} ${dimensions?.endpoint ?? ""} ${state} ${alert.message}`,
    );
    expect(told).toEqual([
      "02:00 by /x firing 1/1",
      "03:00 by /y firing 2/2",
      "05:00 wide  firing 3/4",
      "07:00 by /y resolved 2/2",
      "07:00 by /x resolved 1/1",
      "10:00 wide  resolved 3/4",
    ]);
  });

  it("leaves out rules that look at a running aggregator", async () => {
    const self = join(rules, "self");
    const { errors, code } = await rulesCommand(["run", self, "--events", "-"], {
      stdin: pieces([]),
    });
    expect(code).toBe(0);
    expect(errors).toMatch(
      /^left out, since they look at a running aggregator: agent-silent, heap/,
    );
  });

  it("waits for events that come out of order", async () => {
    const words = ["run", rules, "--events", "-", "--out-of-orderness", "10s"];
    const { code, output } = await rulesCommand(words, { stdin: pieces([EVENTS]) });
    expect(code).toBe(0);
    expect(lines(output)).toEqual([]);
  });

  it("answers recorded cases as they were recorded", async () => {
    const path = join(import.meta.dirname, "../../../golden/cep/cases.ndjson.gz");
    const some = gunzipSync(readFileSync(path)).toString("utf8").split("\n").slice(0, 40);
    const { code, output } = await rulesCommand(["run", "--case", "-"], {
      stdin: pieces([some.join("\n")]),
    });
    expect(code).toBe(0);
    for (const [index, { matches, late }] of lines(output).entries()) {
      const golden = JSON.parse(some[index] ?? "");
      expect({ matches, late }).toEqual({
        matches: golden.expect.matches,
        late: golden.expect.late,
      });
    }
  });

  it("says which line is no case", async () => {
    const { code, errors } = await rulesCommand(["run", "--case", "-"], {
      stdin: pieces(["{}\n["]),
    });
    expect(code).toBe(1);
    expect(errors).toMatch(/^-:1: no case: .*events[^]*-:2: no case: /s);
  });

  it("stops when a rule asks to fail", async () => {
    const rule = `name: r
summary: Fails.
stream: s
skip: skipToFirst
skipStage: a
skipThrowOnMiss: true
stages: [{ name: a, where: "amount > 1" }]
alert: { type: R, severity: info, message: m }
`;
    const path = temporaryFile("r.yaml", rule);
    const { code, errors } = await rulesCommand(["run", path, "--events", "-"], {
      stdin: pieces([EVENTS]),
    });
    expect(code).toBe(1);
    expect(errors).toMatch(/the rule stops: cannot skip to `a`/);
  });

  it.each([
    [["run", fraud], /name the events/],
    [["run", "--events", "x"], /name at least one rule/],
    [["run", fraud, "--events", "x", "--out-of-orderness", "5"], /no duration/],
    [["run", "--case", "-", fraud], /carries its own pattern/],
    [["play"], /play is not one of/],
  ])("refuses %j", async (words, message) => {
    const { code, errors } = await rulesCommand(words);
    expect(code).toBe(2);
    expect(errors).toMatch(message);
  });

  it("tells faults of rules with their places, and files that cannot be read", async () => {
    const path = temporaryFile("r.yaml", "name: BAD\n");
    const { code, errors } = await rulesCommand(["run", path, "--events", "-"]);
    expect(code).toBe(2);
    expect(errors).toContain(`${path}:1:7: name: expected a name such as account-takeover`);
    expect(await rulesCommand(["explain", `${path}.none`])).toMatchObject({ code: 2 });
    const missing = await rulesCommand(["run", fraud, "--events", `${path}.none`]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.errors).toMatch(/cannot be read: there is no such file/);
  });
});

describe("rules test", () => {
  it("passes for every built-in rule, each of which has tests", async () => {
    const files = (folder: string) => readdirSync(folder).filter((file) => file.endsWith(".yaml"));
    // Those of a folder stand in one file; what looks at a running aggregator (`self`) has tests of its own.
    const folders = readdirSync(rules).filter((name) =>
      existsSync(join(rules, "tests", `${name}.yaml`)),
    );
    const tested = [...files(rules), ...folders.map((name) => `${name}.yaml`)].toSorted();
    expect(tested).toEqual(expect.arrayContaining(["call-chain.yaml", "security.yaml"]));
    expect(files(join(rules, "tests")).toSorted()).toEqual(tested);
    const { code, output, errors } = await rulesCommand(["test", join(rules, "tests")]);
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    for (const file of tested) {
      expect(output).toMatch(new RegExp(`/${file}: [1-9]\\d* passed, 0 failed\n`));
    }
  });

  it("says which tests fail, and why", async () => {
    const path = temporaryFile(
      "t.yaml",
      `rules: [${fraud}]
tests:
  - { name: nothing happens, events: [], alerts: [] }
  - { name: something happens, events: [], alerts: [{ at: 1m, key: u1 }] }
`,
    );
    const { code, output } = await rulesCommand(["test", path]);
    expect(code).toBe(1);
    expect(output).toMatch(
      /t\.yaml: something happens: failed\n {2}missing alert at 1m: key "u1"\n.*t\.yaml: 1 passed, 1 failed\n$/,
    );
  });

  it("tells faults of tests and rules with their places", async () => {
    const path = temporaryFile("t.yaml", "rules: [none.yaml]\ntests: [{ name: x, events: [] }]\n");
    const wrong = await rulesCommand(["test", path]);
    expect(wrong.code).toBe(2);
    expect(wrong.errors).toContain(`${path}:2:9: tests[0].alerts: missing`);
    const whole = temporaryFile(
      "t.yaml",
      "rules: [none.yaml]\ntests: [{ name: x, events: [], alerts: [] }]\n",
    );
    const missing = await rulesCommand(["test", whole]);
    expect(missing.code).toBe(2);
    expect(missing.errors).toMatch(/none\.yaml: cannot be read/);
    expect(await rulesCommand(["test"])).toMatchObject({ code: 2 });
  });
});

describe("rules explain", () => {
  it("shows states and edges as text or as a graph", async () => {
    const text = await rulesCommand(["explain", fraud]);
    expect(text.output).toContain("first (start)\n  take    -> second when amount > 10000\n");
    const graph = await rulesCommand(["explain", "--graphviz", fraud]);
    expect(graph.output).toMatch(/^digraph "fraud-suspicion" \{\n/);
  });
});
