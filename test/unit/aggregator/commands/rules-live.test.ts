import { describe, expect, it } from "vitest";
import { aggregatorCommands } from "../../../../aggregator/commands/registry.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { runCommand } from "../../../../shared/run-command.ts";
import { testIo } from "../../agent/commands/test-io.ts";

const facts = { name: "tailrace", version: "1", summary: "" };

/** Runs a verb against an aggregator that gives these answers one after the other. */
async function ask(words: readonly string[], answers: readonly object[]) {
  const urls: string[] = [];
  const left = [...answers];
  const network = {
    ...realPlatform.network,
    call: async ({ url }: { readonly url: string }) => {
      urls.push(url);
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(left.shift())) };
    },
  };
  const io = testIo({ platform: { ...realPlatform, network } });
  const code = await runCommand(facts, aggregatorCommands, ["rules", ...words], io);
  return { code, urls, output: io.output(), errors: io.errors() };
}

const fraud = {
  ...{ rule: "fraud", stream: "shop", state: "running" },
  counters: { keys: 3, partials: 4, alerts: 1, cooledDown: 0, suppressed: 0, late: 2, failed: 0 },
  dropped: [
    { reason: "partials_max", count: 7 },
    { reason: "age_max", count: 1 },
  ],
};
const late = {
  ...{ id: "p", ts: 1_000, timestamp: "1970-01-01T00:00:01.000Z", stream: "shop", type: null },
  ...{ fields: { userId: "ann" }, keyField: "userId", keyValue: "ann" },
  ...{ watermark: "1970-01-01T00:00:03.500Z", lateMs: 2_500, rules: ["fraud"] },
};

describe("rules status", () => {
  it("shows each rule with its counters and what bounds dropped", async () => {
    const { code, urls, output } = await ask(["status"], [{ rules: [fraud] }]);
    expect(code).toBe(0);
    expect(urls).toEqual(["http://127.0.0.1:7400/v1/rules"]);
    const [titles, row] = output.split("\n");
    expect(titles).toMatch(
      /^rule +stream +state +keys +partials +alerts .* late +failed +open +dropped$/,
    );
    expect(row).toMatch(/^fraud +shop +running +3 +4 +1 .* 2 +0 +- +7 partials_max, 1 age_max$/);
  });

  it("shows how many alerts of a threshold rule are open", async () => {
    const high = { ...fraud, rule: "high", openAlerts: 4, dropped: [] };
    const { output } = await ask(["status"], [{ rules: [high] }]);
    expect(output.split("\n")[1]).toMatch(/^high +shop +running( +\d){7} +4 +0$/);
  });

  it("gives the answer to programs, of one rule only", async () => {
    const words = ["status", "--rule", "fraud", "--output", "ndjson"];
    const { output } = await ask(words, [{ rules: [fraud, { ...fraud, rule: "other" }] }]);
    expect(output).toBe(`${JSON.stringify(fraud)}\n`);
    expect((await ask(["status"], [{ rules: [] }])).errors).toBe("no rules\n");
  });
});

describe("rules late", () => {
  it("reads page after page, and prints lines that `rules run` takes as events", async () => {
    const words = ["late", "--rule", "fraud", "--output", "ndjson", "--endpoint", "http://a:1/"];
    const pages = [{ lateEvents: [late], next: "0-7" }, { lateEvents: [late] }];
    const { code, urls, output } = await ask(words, pages);
    expect(code).toBe(0);
    expect(urls).toEqual([
      "http://a:1/v1/late-events?rule=fraud",
      "http://a:1/v1/late-events?rule=fraud&next=0-7",
    ]);
    expect(
      output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([late, late]);
  });

  it("shows how late they were", async () => {
    const { output, errors } = await ask(["late"], [{ lateEvents: [late] }]);
    expect(output.split("\n")[1]).toMatch(/^1970-\S+ +2.5 s +shop +- +userId=ann +fraud$/);
    expect(errors).toMatch(/^1 late event /);
  });

  it("takes no files and no other form", async () => {
    expect((await ask(["late", "a.yaml"], [])).code).toBe(2);
    expect((await ask(["late", "--output", "xml"], [])).errors).toContain("table or ndjson");
  });
});
