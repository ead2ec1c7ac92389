import { describe, expect, it } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { DetailCounter } from "../../../../agent/window/detail-counter.ts";
import type { CountContext } from "../../../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../../../agent/window/parser-line-counter.ts";
import { windowJson } from "../../../../shared/aggregates/window-json.ts";
import { aggregateConfig, wantsDetail } from "../../../../shared/events/aggregate-config.ts";
import { compileAggregation } from "../../../../shared/events/compile-aggregation.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { lineId } from "../../../../shared/protocol/line-id.ts";
import { REDACTOR_NONE } from "../../../../shared/redaction/redactor.ts";

const TIME = "2026-11-20T10:00:00.000Z";
const context: CountContext = {
  ...{ service: "app", eventTimeLimitMs: Infinity, file: 3, generation: 1, offset: 100 },
  path: "/var/log/pods/shop_orders-1_6a/main/0.log",
};

function counterOf(config: object): ParserLineCounter {
  const detail = new DetailCounter({
    ...{ agent: "web-1", source: "s", host: "h", format: "json", servicesMax: 10 },
    parser: parsers.json.compile(EVENT_OPTIONS_DEFAULT),
    aggregation: compileAggregation(aggregateConfig.parse(config), REDACTOR_NONE),
  });
  const parser = parsers.json.compile(EVENT_OPTIONS_DEFAULT);
  return new ParserLineCounter({ stream: "logs", parser, servicesMax: 10, detail });
}

function line(fields: object): string {
  return `${JSON.stringify({ timestamp: TIME, ...fields })}\n`;
}

function windowsOf(counter: ParserLineCounter, ...lines: string[]) {
  const bytes = Buffer.from(lines.join(""));
  counter.count(bytes, 0, bytes.length, context);
  const { deltas, entries } = counter.take();
  return { windows: deltas.map((delta) => windowJson({ ...delta, windowMinutes: 1 })), entries };
}

describe("dimensions", () => {
  it("are fields of the line, of any simple kind, or else labels", () => {
    const dimensions = ["path", { name: "k8s.pod", field: "pod" }, "host", "namespace"];
    const { windows } = windowsOf(
      counterOf({ dimensions }),
      line({ path: "/a", host: "vhost" }),
      line({ path: 7, pod: true }),
      line({ path: { deep: 1 } }),
    );
    expect(windows.map(({ dimensions: found }) => found)).toEqual([
      { host: "vhost", "k8s.pod": "orders-1", namespace: "shop", path: "/a" },
      { host: "h", "k8s.pod": "true", namespace: "shop", path: "7" },
      { host: "h", "k8s.pod": "orders-1", namespace: "shop", path: "" },
    ]);
  });

  it("beyond the limit are folded, which the ledger notes", () => {
    const counter = counterOf({ dimensions: ["user"], max_series: 1 });
    const lines = [1, 2, 3, 1].map((user) => line({ user }));
    const { windows, entries } = windowsOf(counter, ...lines);
    expect(windows.map(({ requestCount, folded }) => [requestCount, folded])).toEqual([
      [2, undefined],
      [2, true],
    ]);
    expect(entries).toContainEqual({
      ...{ kind: "noted", reason: "dimensions_folded", lines: 2, bytes: 0 },
    });
  });
});

describe("measures", () => {
  it("sum, count and tell different values apart, where their conditions hold", () => {
    const measures = {
      bytes: { sum: "size" },
      big: { count: "*", where: "size > 100" },
      named: { count: "user" },
      users: { distinct: "user" },
    };
    const { windows, entries } = windowsOf(
      counterOf({ measures }),
      line({ size: 99.5, user: "a" }),
      line({ size: "200.25", user: "b" }),
      line({ size: "many", user: "a" }),
      line({ size: 1e13 }),
      line({}),
    );
    expect(windows).toHaveLength(1);
    expect(windows[0]?.measures).toEqual({
      big: { count: 1 },
      bytes: { sum: 299.75 },
      named: { count: 3 },
      users: { distinct: 2 },
    });
    const noted = entries.filter(({ kind }) => kind === "noted").map(({ reason }) => reason);
    expect(noted).toEqual(["measure_not_a_number", "measure_out_of_range"]);
  });

  it("are absent from windows that nothing was measured in", () => {
    const { windows } = windowsOf(counterOf({ measures: { m: { sum: "x" } } }), line({}));
    expect(windows[0]).not.toHaveProperty("measures");
  });
});

describe("sample lines", () => {
  it("are up to three whose condition holds, named by where they stand", () => {
    const counter = counterOf({ exemplars: {} });
    const lines = ["INFO", "error", "FATAL", 50, "Err"].map((level, index) =>
      line({ level, index }),
    );
    const { windows } = windowsOf(counter, ...lines);
    const ids = lines.flatMap((text, index) => {
      const offset = 100 + lines.slice(0, index).join("").length;
      const place = { source: "s", file: 3, generation: 1, offset, timeMs: Date.parse(TIME) };
      return text.includes("INFO") ? [] : [lineId("web-1", place)];
    });
    const { exemplars = [] } = windows[0] ?? {};
    expect(exemplars.map(({ id }) => id)).toEqual(ids.toSorted().slice(0, 3));
    for (const { line: text } of exemplars) expect(lines).toContain(`${text}\n`);
  });

  it("are cut where they are too long", () => {
    const counter = counterOf({ exemplars: { min_level: "INFO" } });
    const { windows } = windowsOf(counter, line({ text: "x".repeat(5000) }));
    expect(windows[0]?.exemplars?.[0]?.line).toHaveLength(1024);
  });
});

it("lines count as ever: by what became of them, with all their bytes", () => {
  const text = ["\ufeff", line({ level: "ERROR", duration: 2 }), "\n", "{}\n", "x\n"].join("");
  const bytes = Buffer.from(text);
  const counter = counterOf({ dimensions: ["host"] });
  counter.count(bytes, 0, bytes.length, { ...context, fileStart: true });
  const { entries, deltas, eventTimeMaxMs } = counter.take();
  expect(entries.reduce((sum, entry) => sum + entry.bytes, 0)).toBe(bytes.length);
  expect(entries.map(({ kind, reason, lines }) => [kind, reason, lines])).toEqual([
    ["aggregated", "", 1],
    ["filtered", "blank", 1],
    ["rejected", "no_time", 1],
    ["rejected", "not_json", 1],
  ]);
  expect(deltas[0]?.aggregate).toMatchObject({ errorCount: 1, durationSum: 2000 });
  expect(eventTimeMaxMs).toBe(Date.parse(TIME));
});

describe("the configuration of aggregates", () => {
  it("asks for nothing when it is empty", () => {
    expect(wantsDetail(undefined)).toBe(false);
    expect(wantsDetail(aggregateConfig.parse({}))).toBe(false);
    expect(wantsDetail(aggregateConfig.parse({ exemplars: {} }))).toBe(true);
  });

  it.each([
    [{ dimensions: ["a", { name: "a", field: "b" }] }, "names that differ"],
    [{ dimensions: ["9a"] }, "expected a letter"],
    [{ measures: { m: {} } }, "expected one of `sum`, `count` and `distinct`"],
    [{ measures: { m: { sum: "a", count: "b" } } }, "expected one of"],
    [{ measures: { m: { sum: "a", where: "b >" } } }, "character"],
    [{ exemplars: { where: "count('x') > 1" } }, "character"],
  ])("refuses %j", (config, message) => {
    const { error } = aggregateConfig.safeParse(config);
    expect(JSON.stringify(error?.issues)).toContain(message);
  });
});
