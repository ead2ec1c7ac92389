import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { JsonLineCounter } from "../../agent/kernel/json-line-counter.ts";
import { parsers } from "../../agent/parsers/registry.ts";
import { ParserLineCounter } from "../../agent/window/parser-line-counter.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../shared/events/event-options.ts";
import { countedText, JsonReference } from "./json-reference.ts";
import { findDetailDifference } from "./kernel-details.ts";
import { differenceText, findDifference, nastyCase } from "./kernel-difference.ts";
import type { PlantedFault } from "./kernel-fault.ts";
import { plantedFaults, plantFault } from "./kernel-faults.ts";
import { textFaults } from "./text-kernel-faults.ts";

const isLong = process.env["TAILRACE_LONG"] === "1";
const CASE_COUNT = isLong ? 3000 : 60;
/** Faults of every part of the kernel that are found early. */
const QUICK_FAULTS = [
  "strings may hold control bytes",
  "durations may begin with zeros",
  "a minute has 99 seconds",
  "the last name wins",
  "kept numbers count as texts",
];

describe("the kernel", () => {
  it("counts nasty lines as the parser and as a plain reference do", { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= CASE_COUNT; seed++) {
      const difference = findDifference(nastyCase(seed));
      if (difference !== undefined) expect.fail(differenceText(difference));
    }
  });

  it("keeps them apart, and samples of them, as the parser does", { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= CASE_COUNT / 3; seed++) {
      const { expected, actual } = findDetailDifference(nastyCase(seed)) ?? {};
      expect(actual, `seed ${seed}`).toBe(expected);
    }
  });

  it("counts lines of ten megabytes", () => {
    const context = { service: "app", eventTimeLimitMs: Infinity };
    const long = "x\\n".repeat(3_500_000);
    const time = '"timestamp":"2026-11-20T10:00:00.000Z"';
    const lines = [
      `{${time},"message":"${long}","duration":3}`,
      `{${time},"duration":4}`,
      `{${time},"message":"${long},"duration":5}`,
      `{${time},"list":[${"1,".repeat(5_000_000)}2],"level":"ERROR"}`,
      " ".repeat(10_000_000),
      `{${time},"duration":6}`,
    ];
    const buffer = Buffer.from(`${lines.join("\n")}\n`);
    const parser = new ParserLineCounter({
      stream: "test",
      parser: parsers.json.compile(EVENT_OPTIONS_DEFAULT),
      servicesMax: 10,
    });
    const counter = new JsonLineCounter(EVENT_OPTIONS_DEFAULT, parser);
    const reference = new JsonReference(EVENT_OPTIONS_DEFAULT);
    counter.count(buffer, 0, buffer.length, context);
    reference.count(buffer, 0, buffer.length, context);
    expect(countedText(counter.take())).toBe(reference.takeText());
    expect(counter.lineCount).toBe(6);
  });
});

describe("the nasty lines", () => {
  const faults = plantedFaults.filter(({ name }) => isLong || QUICK_FAULTS.includes(name));
  it.each<PlantedFault>(faults)(
    "find the planted fault: $name",
    { timeout: 600_000 },
    async (fault) => {
      expect(await plantFault(fault, 400)).toBeDefined();
    },
  );
});

describe("the planted faults", () => {
  it("have one place each in the sources of the kernels", () => {
    const assembly = join(import.meta.dirname, "../../agent/kernel/assembly");
    const lost = [...plantedFaults, ...textFaults].filter(
      ({ file, find }) => readFileSync(join(assembly, file), "utf8").split(find).length !== 2,
    );
    expect(lost.map(({ name }) => name)).toEqual([]);
  });
});
