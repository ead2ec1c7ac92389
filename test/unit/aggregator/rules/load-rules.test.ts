import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";

const folder = join(import.meta.dirname, "../../../../config/rules");
const builtIn = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));

const RULE = `name: sample
summary: A sample.
stream: business-events
key: userId
stages:
  - { name: a, where: "amount > 1" }
  - name: b
    contiguity: next
    where: "amount > 2"
alert: { type: SAMPLE, severity: info, message: "{{key}} {{sum(a.amount)}}" }
`;

function faultsOf(text: string): string[] {
  const { faults } = loadRules([{ file: "r.yaml", text }]);
  return (faults ?? []).map(
    ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
  );
}

describe("rules", () => {
  it("that are built in load", () => {
    const { rules = [], thresholds = [], faults } = loadRules(builtIn);
    expect(faults).toBeUndefined();
    expect([...rules, ...thresholds].map(({ config }) => `${config.name}.yaml`).toSorted()).toEqual(
      builtIn.map(({ file }) => file).toSorted(),
    );
  });

  it("take the defaults of what is left out", () => {
    const { rules } = loadRules([{ file: "r.yaml", text: RULE }]);
    expect(rules?.[0]?.config).toMatchObject({
      onTimeout: "ignore",
      on_hole: "emit",
      alert: { cooldown: 0 },
    });
    expect(rules?.[0]?.automaton).toMatchObject({ key: "userId", withinMs: undefined });
  });

  it("keep their partial matches while the pattern stays the same, whatever else changes", () => {
    const fingerprint = (text: string) =>
      loadRules([{ file: "r.yaml", text }]).rules?.[0]?.automaton.fingerprint;
    const before = fingerprint(RULE);
    const reworded = RULE.replace("info", "critical").replace("{{key}}", "User {{key}}");
    expect(fingerprint(`${reworded}onTimeout: alert\n`)).toBe(before);
    const cooled = RULE.replace("severity:", "cooldown: 5m, details: { x: amount }, severity:");
    expect(fingerprint(cooled)).toBe(before);
    expect(fingerprint(RULE.replace("amount > 2", "amount > 3"))).not.toBe(before);
    expect(fingerprint(RULE.replace("stages:", "within: 1h\nstages:"))).not.toBe(before);
  });

  it("of one name are a fault", () => {
    const { faults } = loadRules([
      { file: "r.yaml", text: RULE },
      { file: "s.yaml", text: RULE },
    ]);
    expect(faults).toMatchObject([
      { file: "s.yaml", path: "name", message: "the rule in r.yaml has this name too" },
    ]);
  });
});

describe("the page about rules", () => {
  it("shows a rule that loads", () => {
    const page = readFileSync(join(folder, "README.md"), "utf8");
    const text = /```yaml\n(.*?)```/su.exec(page)?.[1] ?? "";
    expect(loadRules([{ file: "README.md", text }]).rules).toMatchObject([
      { config: { name: "account-takeover", within: 3_600_000 } },
    ]);
  });
});

describe("a fault of a rule", () => {
  it("stands where it is in the file, all faults in one go", () => {
    const text = RULE.replace("amount > 2", "count(z) > 2").replace("key: userId", "kye: userId");
    expect(faultsOf(text)).toEqual([
      "4:1 kye: unknown key `kye`; did you mean `key`?",
      "9:12 stages[1].where: unknown stage `z`; did you mean `a`? (at character 1), in `count(z) > 2`",
    ]);
  });

  it("tells of every pattern that Flink refuses what to write instead", () => {
    const text = RULE.replace("contiguity: next", "contiguity: notFollowedBy\n    greedy: true");
    expect(faultsOf(text)).toEqual([
      "8:17 stages[1].contiguity: that an event never comes can be told only after a time; add `within` to the rule, got `notFollowedBy`",
      "9:13 stages[1].greedy: a not-stage takes nothing, so it cannot be greedy; drop it, got true",
    ]);
  });

  it("is found in messages too, which cannot ask for what a not-stage took", () => {
    const text = RULE.replace("contiguity: next", "contiguity: notFollowedBy").replace(
      "key: userId",
      "key: userId\nwithin: 1m",
    );
    expect(faultsOf(text)).toEqual([]);
    expect(faultsOf(text.replace("{{key}}", "{{count(b)}} {{a +}}"))).toHaveLength(2);
  });
});
