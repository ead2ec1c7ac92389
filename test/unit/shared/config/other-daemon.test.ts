import { expect, it } from "vitest";
import { agentConfig } from "../../../../agent/config.ts";
import { aggregatorConfig } from "../../../../aggregator/config.ts";
import { loadConfig } from "../../../../shared/config/load.ts";
import { otherDaemonHint } from "../../../../shared/config/other-daemon.ts";

const AGENT = "data_dir: d\nship: { endpoints: [] }\nsources: []\n";
const AGGREGATOR = "listen: 127.0.0.1:7400\ndata_dir: d\nsinks: []\n";

it("a file of the other daemon is told to be one", () => {
  const ofAgent = loadConfig(aggregatorConfig, AGENT, "f.yaml").faults ?? [];
  expect(otherDaemonHint(ofAgent, "aggregator", "f.yaml")).toBe(
    "this looks like the configuration of an agent: tailrace agent --config f.yaml\n",
  );
  const ofAggregator = loadConfig(agentConfig, AGGREGATOR, "f.yaml").faults ?? [];
  expect(otherDaemonHint(ofAggregator, "agent", "f.yaml")).toContain("of an aggregator");
});

it("other faults are no such file", () => {
  const wrong = loadConfig(aggregatorConfig, `${AGGREGATOR}sink: []\n`, "f.yaml").faults ?? [];
  expect(wrong).toHaveLength(1);
  expect(otherDaemonHint(wrong, "aggregator", "f.yaml")).toBe("");
});
