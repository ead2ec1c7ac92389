import { describe, expect, it } from "vitest";
import { rangeOf } from "../../../../aggregator/state/keys.ts";
import { readThresholdCounters } from "../../../../aggregator/state/read-rules.ts";
import { decodeThresholdRow, encodeJsonRow } from "../../../../aggregator/state/threshold-rows.ts";
import { keysOf } from "./sample-deltas.ts";
import { THRESHOLD_RULE, Thresholds } from "./sample-thresholds.ts";

describe("counters of a threshold rule", () => {
  const HELD = THRESHOLD_RULE.replace("labels:", "for: 2m\nlabels:").replace(
    "severity: critical",
    "severity: critical, cooldown: 5m",
  );
  const idOf = (rules: Thresholds) => rules.shown[0]?.id ?? "";
  const shown = (rules: Thresholds) => {
    const { alerts, cooledDown, keys, partials } = readThresholdCounters(
      [rules.store],
      idOf(rules),
    );
    return { alerts, cooledDown, keys, partials };
  };
  const rowsOf = (rules: Thresholds) => {
    const { from, to } = rangeOf(`threshold/${idOf(rules)}/`);
    const phases = [...rules.store.range(from, to)].map(
      ([, bytes]) => decodeThresholdRow(bytes).phase,
    );
    const pending = phases.filter((phase) => phase === "pending");
    return { keys: phases.length, partials: pending.length };
  };

  it("say how much it knows, over restarts, until all of it is forgotten", async () => {
    const rules = new Thresholds([HELD]);
    const minutes = [
      [5, 5],
      [5, 0],
      [5, 5],
      [0, 5],
      [5, 0],
    ] as const;
    for (const [minute, [orders, carts]] of minutes.entries()) {
      const both = [rules.window(minute, 20, orders), rules.window(minute, 20, carts, "carts")];
      await rules.take(both, minute + 1);
      expect(shown(rules)).toMatchObject(rowsOf(rules));
      rules.restart();
    }
    expect(shown(rules)).toMatchObject({ alerts: 2, cooledDown: 1 });
    await rules.take([], 3_000);
    expect(shown(rules)).toMatchObject({ keys: 0, partials: 0 });
    expect(rowsOf(rules)).toEqual({ keys: 0, partials: 0 });
  });

  it("are counted anew when an older program did not, or the rule comes back", async () => {
    const rules = new Thresholds([HELD]);
    await rules.take([rules.window(0, 20, 5), rules.window(0, 20, 5, "carts")], 1);
    const [key = ""] = keysOf(rules.store, "threshold-count");
    const older = encodeJsonRow({ name: "errors", alerts: 7, cooledDown: 1 });
    await rules.store.commit([{ key, value: older }]);
    rules.restart();
    await rules.take([]);
    expect(shown(rules)).toEqual({ alerts: 7, cooledDown: 1, keys: 2, partials: 2 });
    rules.use();
    rules.use(HELD);
    await rules.take([]);
    expect(shown(rules)).toMatchObject(rowsOf(rules));
  });
});
