import { expect, it } from "vitest";
import { SourceLedger } from "../../../../agent/source/source-ledger.ts";

it("goes on from the known totals of its source, and tells the held level anew", () => {
  const ledger = new SourceLedger("app", [
    { source: "app", kind: "aggregated", reason: "", lines: 10, bytes: 100 },
    { source: "app", kind: "held", reason: "", lines: 0, bytes: 50 },
    { source: "other", kind: "aggregated", reason: "", lines: 1, bytes: 1 },
  ]);
  ledger.add("aggregated", "", 1, 10);
  ledger.add("rejected", "too_long", 1, 5);
  ledger.add("rejected", "not_json", 0, 0);
  expect(ledger.entries(7)).toEqual([
    { source: "app", kind: "aggregated", reason: "", lines: 11, bytes: 110 },
    { source: "app", kind: "rejected", reason: "too_long", lines: 1, bytes: 5 },
    { source: "app", kind: "held", reason: "", lines: 0, bytes: 7 },
  ]);
  expect(ledger.entries(0).some((entry) => entry.kind === "held")).toBe(false);
});
