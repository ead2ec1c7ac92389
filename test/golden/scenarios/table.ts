/** `node test/golden/scenarios/table.ts` writes `scenarios.md`: which scenarios of another detector the rules here can say. */
import { writeFileSync } from "node:fs";
import { type Outcome, runScenarios } from "./scenarios.ts";

/** The page as it should be. */
export function scenarioTable(outcomes: readonly Outcome[]): string {
  const isEqual = ({ said, differences }: Outcome) => said !== undefined && differences.length === 0;
  const equal = outcomes.filter(isEqual);
  const said = outcomes.filter((one) => one.said !== undefined);
  const events = equal.reduce((sum, { eventCount }) => sum + eventCount, 0);
  const alerts = equal.reduce((sum, { alertCount }) => sum + alertCount, 0);
  const rows = outcomes.map((one) => {
    const state = isEqual(one) ? "equal" : one.said === undefined ? "not said" : "differs";
    const what = one.said === undefined ? "" : `\`${one.said.replaceAll("|", "\\|")}\``;
    const reason = isEqual(one) ? "" : (one.reason ?? one.differences.join("; "));
    return `| ${one.case} | ${one.scenario} | ${state} | ${one.alertCount} | ${one.eventCount} | ${what} | ${reason} |`;
  });
  return [
    "# Scenarios of another detector",
    "",
    "Made by `node test/golden/scenarios/table.ts`; a test keeps it fresh. A case is a log of CrowdSec's own tests with the alerts that its scenarios raise.",
    "It is *equal* when a rule here finds the same alerts: as many, about the same, each of the same events in the same order.",
    "",
    `${equal.length} of ${outcomes.length} scenarios are equal, with ${alerts} alerts of ${events} events; ${said.length - equal.length} can be said and differ, ${outcomes.length - said.length} cannot be said.`,
    "",
    "| case | scenario | | alerts | events | said as | why not |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

if (import.meta.main) {
  writeFileSync(new URL("scenarios.md", import.meta.url), scenarioTable(runScenarios()));
}
