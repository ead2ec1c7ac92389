import { expect, it } from "vitest";
import { readRuleFigures } from "../../../../aggregator/rule-figures.ts";
import { answerStatus } from "../../../../aggregator/serve/status.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { rulesOf, THRESHOLD_RULE } from "../process/sample-thresholds.ts";

it("the status counts each rule once", () => {
  const { thresholds } = rulesOf([THRESHOLD_RULE, THRESHOLD_RULE.replace("errors", "more-errors")]);
  const stores = [new MemoryStore(), new MemoryStore()];
  const answer = answerStatus(
    {
      ...{ clockMs: 1, watermarkMs: undefined, agentCount: 0 },
      ...{ receivedLines: 0, mergedLines: 0, tooLateLines: 0, windowChanges: 0 },
      ...{ sinks: [], inlets: [], alerts: [], rules: readRuleFigures(stores, thresholds) },
    },
    [],
  );
  expect(JSON.parse(answer.body.toString())).toMatchObject({ ruleCount: 2, isReady: true });
});
