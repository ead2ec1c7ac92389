import { describe, expect, test } from "vitest";
import { serviceTable } from "../../../../agent/commands/service-table.ts";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";

const LAYOUT = { windowMinutes: 1, hasColor: false, columns: 100 };

function window(service: string, minute: number, counts: { requests: number; errors: number }) {
  const aggregate = new Aggregate();
  for (let count = 0; count < counts.requests; count++) {
    aggregate.add(count < counts.errors ? LEVEL_INDEX.ERROR : LEVEL_INDEX.INFO, 1500);
  }
  return { service, minute, aggregate };
}

describe("serviceTable", () => {
  test("shows the busiest service first, with the error rate of each span of time", () => {
    const windows = [
      window("a", 0, { requests: 10, errors: 0 }),
      window("b", 0, { requests: 2, errors: 1 }),
      window("a", 1, { requests: 10, errors: 1 }),
      window("b", 3, { requests: 1, errors: 0 }),
    ];
    expect(serviceTable(windows, LAYOUT)).toBe(
      [
        "service  requests  errors    rate      p50      p99  error rate over time",
        "a              20       1  5.00 %  1.50 ms  1.50 ms  ▁▂··",
        "b               3       1  33.3 %  1.50 ms  1.50 ms  █··▁",
        "1970-01-01T00:00:00.000Z to 1970-01-01T00:04:00.000Z, 23 requests; a bar is 1 min, █ = 50.0 %, · = no requests",
        "",
      ].join("\n"),
    );
  });

  test("puts more time into a bar when there is more than fits", () => {
    const windows = Array.from({ length: 1000 }, (_, minute) =>
      window("a", minute, { requests: 1, errors: 0 }),
    );
    const [, row = "", caption] = serviceTable(windows, LAYOUT).split("\n");
    expect(row.match(/▁/g)?.length).toBe(40);
    expect(caption).toContain("a bar is 25 min");
  });

  test("colours bad services when it may", () => {
    const windows = [
      window("bad", 0, { requests: 10, errors: 1 }),
      window("fair", 0, { requests: 50, errors: 1 }),
      window("good", 0, { requests: 5, errors: 0 }),
    ];
    const lines = serviceTable(windows, { ...LAYOUT, hasColor: true }).split("\n");
    expect(lines.find((line) => line.includes("bad"))).toMatch(/^\u001b\[31m.*\u001b\[0m$/);
    expect(lines.find((line) => line.includes("fair"))).toMatch(/^\u001b\[33m/);
    expect(lines.find((line) => line.includes("good"))).toMatch(/^good/);
  });

  test("does not let a name steer the terminal or fill it", () => {
    const windows = [window(`\u001b[2J${"x".repeat(100)}`, 0, { requests: 1, errors: 0 })];
    const [, row = ""] = serviceTable(windows, LAYOUT).split("\n");
    expect(row).toMatch(/^\ufffd\[2Jx+… /);
    expect(row.length).toBeLessThan(110);
  });

  test("is empty without windows", () => {
    expect(serviceTable([], LAYOUT)).toBe("");
  });
});
