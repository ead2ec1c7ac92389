import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidateLines } from "../../../../agent/window/candidate-lines.ts";
import { needlesOf } from "../../../../agent/window/line-needles.ts";
import { compileSelectors } from "../../../../shared/events/compile-selectors.ts";
import { eventOfFields } from "../../../../shared/events/event-shape.ts";

const DERIVED = new Set(["level"]);

function needles(where: readonly string[], keys: readonly string[] = []): string[] | undefined {
  const selector = compileSelectors([{ stream: "s", keys, where, fields: [] }]);
  return needlesOf(selector, DERIVED)?.map(String);
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
    [["x == null"]],
    [["x == y"]],
    [["x in ['one', null]"]],
    [["level == 'ERROR'"]],
    [["type == 'A'"]],
    [["x + 1 > 2"]],
    [["type == 'LOGIN'", "x != 1"]],
    [[]],
    [[`x in [${Array.from({ length: 17 }, (_, index) => `'text ${index}'`).join()}]`]],
  ])("of %j are none: every line has to be looked at", (where) => {
    expect(needles(where)).toBeUndefined();
  });

  it("never miss a line that the selector matches, however it is written", () => {
    const text = fc.constantFrom("LOGIN", "PAID", "lo/gin", "ä", "", "x", 'q"q');
    const value = fc.oneof(text, fc.integer({ min: 0, max: 3 }), fc.constantFrom(true, null));
    const name = fc.constantFrom("type", "user", "amount", "level", "key", "other");
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
        inList,
        name,
        fc
          .tuple(tie("any"), fc.constantFrom("&&", "||"), tie("any"))
          .map((parts) => parts.join(" ")),
        tie("any").map((inner) => `!(${inner})`),
      ),
    })).any;
    const fields = fc.dictionary(name, value);
    const escaped = fc.nat({ max: 60 });
    fc.assert(
      fc.property(condition, fields, escaped, (where, event, place) => {
        const selector = compileSelectors([{ stream: "s", keys: [], where: [where], fields: [] }]);
        fc.pre(selector.matches(eventOfFields(event, 0, "")));
        const derived = new Set(["level", "key", "ts", "id"]);
        const line = escapeLetter(JSON.stringify(event), place);
        const buffer = Buffer.from(`{}\n${line}\n{}\n`);
        const found = [...candidateLines(buffer, 0, buffer.length, needlesOf(selector, derived))];
        expect(found.map(({ from, to }) => buffer.toString("utf8", from, to))).toContain(line);
      }),
      { numRuns: 2000 },
    );
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
