import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { candidateLines } from "../../../../agent/window/candidate-lines.ts";
import { needlesOf } from "../../../../agent/window/line-needles.ts";
import { compileSelectors } from "../../../../shared/events/compile-selectors.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { lineEvent } from "../../../../shared/events/line-event.ts";

const NOT_IN_LINES = {
  names: new Set(["level", "service", "message", "duration", "key", "ts", "id"]),
  service: "web",
  levelNames: ["severity", "lvl"],
};

function needles(where: readonly string[], keys: readonly string[] = []): string[] | undefined {
  const selector = compileSelectors([{ stream: "s", keys, where, fields: [] }]);
  return needlesOf(selector, NOT_IN_LINES)?.map(String);
}
const ESCAPE = "\\u00";

describe("the needles of a selector", () => {
  it("are the texts that conditions compare with, or the names of fields", () => {
    expect(needles(["type == 'LOGIN'"])).toEqual(["LOGIN", ESCAPE]);
    expect(needles(["'LOGIN' == type"])).toEqual(["LOGIN", ESCAPE]);
    expect(needles(["user == 'u'"])).toEqual(["user", ESCAPE]);
    expect(needles(["amount > 10"])).toEqual(["amount", ESCAPE]);
    expect(needles(["name < 'beta'"])).toEqual(["name", ESCAPE]);
    expect(needles(["isNew"])).toEqual(["isNew", ESCAPE]);
    expect(needles(["type in ['LOGIN', 'PAID']"])).toEqual(["LOGIN", "PAID", ESCAPE]);
    expect(needles(["path == 'a/b'"])).toEqual(["path", ESCAPE]);
    expect(needles(["service == 'orders'"])).toEqual(["orders", ESCAPE]);
    expect(needles(["contains(type, 'LOGIN')"])).toEqual(["LOGIN", ESCAPE]);
    expect(needles(["startsWith(path, '/wp-')"])).toEqual(["path", ESCAPE]);
    expect(needles(["level in ['ERROR', 'FATAL']"])).toEqual([
      ...["ERROR", "FATAL", "severity", "lvl", ESCAPE],
    ]);
  });

  it("are those of one side of a conjunction, and of all alternatives", () => {
    expect(needles(["type == 'LOGIN' && x != 1"])).toEqual(["LOGIN", ESCAPE]);
    expect(needles(["amount > 1 || type == 'PAID'"])).toEqual(["amount", "PAID", ESCAPE]);
    expect(needles(["type == 'LOGIN'", "type == 'PAID'"])).toEqual(["LOGIN", "PAID", ESCAPE]);
    expect(needles(["x != 1"], ["user", "device"])).toEqual(["user", "device", ESCAPE]);
    expect(needles([], ["user"])).toEqual(["user", ESCAPE]);
  });

  it.each([
    [["x != 1"]],
    [["!(type == 'LOGIN')"]],
    [["!contains(type, 'LOGIN')"]],
    [["contains(lower(type), 'login')"]],
    [["contains(level, 'ERR')"]],
    [["endsWith(service, 'orders')"]],
    [["x == null"]],
    [["x == y"]],
    [["x in ['one', null]"]],
    [["level == 'INFO'"]],
    [["level == null"]],
    [["level > 'A'"]],
    [["service == 'web'"]],
    [["service in ['orders', 'web']"]],
    [["service < 'orders'"]],
    [["type == 'A'"]],
    [["x + 1 > 2"]],
    [["type == 'LOGIN'", "x != 1"]],
    [[]],
    [[`x in [${Array.from({ length: 17 }, (_, index) => `'text ${index}'`).join()}]`]],
  ])("of %j are none: every line has to be looked at", (where) => {
    expect(needles(where)).toBeUndefined();
  });

  it("never miss a line that the selector matches, however it is written", () => {
    const parser = parsers.json.compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" });
    const texts = [
      "LOGIN",
      "web",
      "lo/gin",
      "ä",
      "",
      "x",
      'q"q',
      "ERROR",
      "INFO",
      "err",
      "warning",
    ];
    const value = fc.oneof(
      fc.constantFrom(...texts),
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom(true, null),
    );
    const names = [
      "type",
      "user",
      "amount",
      "level",
      "severity",
      "key",
      "service",
      "msg",
      "message",
    ];
    const name = fc.constantFrom(...names);
    const literal = value.map((found) =>
      typeof found === "string" ? `'${found}'` : JSON.stringify(found),
    );
    const comparison = fc
      .tuple(name, fc.constantFrom("==", "!=", "<", ">="), literal)
      .map((parts) => parts.join(" "));
    const inList = fc
      .tuple(name, fc.array(literal, { minLength: 1, maxLength: 3 }))
      .map(([found, values]) => `${found} in [${values.join()}]`);
    const condition = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        comparison,
        fc.constantFrom("level == 'ERROR'", "level in ['WARN', 'ERROR']"),
        inList,
        name,
        fc
          .tuple(tie("any"), fc.constantFrom("&&", "||"), tie("any"))
          .map((parts) => parts.join(" ")),
        tie("any").map((inner) => `!(${inner})`),
      ),
    })).any;
    const property = fc.property(
      condition,
      fc.dictionary(name, value),
      fc.nat({ max: 90 }),
      (where, fields, place) => {
        const selector = compileSelectors([{ stream: "s", keys: [], where: [where], fields: [] }]);
        const plain = JSON.stringify({ ...fields, time: "2026-11-20T10:00:00Z" });
        const line = escapeLetter(plain, place);
        const event = lineEvent(parser, "json", Buffer.from(line), "web");
        fc.pre(event !== undefined && selector.matches(event));
        const buffer = Buffer.from(`{}\n${line}\n{}\n`);
        const needles = needlesOf(selector, NOT_IN_LINES);
        const found = [...candidateLines(buffer, 0, buffer.length, needles)];
        expect(found.map(({ from, to }) => buffer.toString("utf8", from, to))).toContain(line);
      },
    );
    fc.assert(property, { numRuns: 3000 });
  });
});

/** Writes one letter within a string as an escape, which JSON reads as the same. */
function escapeLetter(line: string, place: number): string {
  const letter = line[place] ?? "";
  const escape = `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const written = line.slice(0, place) + escape + line.slice(place + 1);
  try {
    return JSON.stringify(JSON.parse(written)) === line ? written : line;
  } catch {
    return line;
  }
}
