import { describe, expect, it } from "vitest";
import {
  compilePredicate,
  compileValue,
  type ExpressionEvent,
} from "../../../../shared/expression/compile.ts";
import { type Expression, parseExpression } from "../../../../shared/expression/parse.ts";

function event(fields: Record<string, unknown>): ExpressionEvent {
  return { id: 7, ts: 1000, key: "k", type: "A", fields };
}

function parsed(text: string): Expression {
  const { expression, fault } = parseExpression(text);
  if (expression === undefined) throw new Error(fault.message);
  return expression;
}

const held = [event({ v: 2 }), event({ v: "no number" }), event({ v: 5 })];
const stages = { eventsOf: (stage: string) => (stage === "a" ? held : []) };

function value(text: string, fields: Record<string, unknown> = {}) {
  return compileValue(parsed(text))(event(fields), stages);
}

function holds(text: string, fields: Record<string, unknown> = {}) {
  return compilePredicate(parsed(text))(event(fields), stages);
}

describe("a name", () => {
  it("is the event's own ts, key, type or id, else a field", () => {
    expect(value("ts")).toBe(1000);
    expect(value("key")).toBe("k");
    expect(value("type", { type: "hidden" })).toBe("A");
    expect(value("id")).toBe(7);
    expect(value("amount", { amount: 3 })).toBe(3);
  });

  it("is null when the field is missing or no simple value", () => {
    expect(value("amount")).toBeNull();
    expect(value("amount", { amount: { a: 1 } })).toBeNull();
    expect(value("constructor")).toBeNull();
    expect(value("__proto__")).toBeNull();
  });
});

describe("a function of texts", () => {
  it("holds only between texts", () => {
    expect(holds("contains(path, '/admin')", { path: "/x/admin" })).toBe(true);
    expect(holds("contains(path, '/Admin')", { path: "/x/admin" })).toBe(false);
    expect(holds("startsWith(path, '/x')", { path: "/x/admin" })).toBe(true);
    expect(holds("endsWith(path, '/x')", { path: "/x/admin" })).toBe(false);
    expect(holds("contains(path, user)", { path: "/home/ann/", user: "ann" })).toBe(true);
    expect(holds("contains(path, 'x')")).toBe(false);
    expect(holds("contains(path, 4)", { path: "404" })).toBe(false);
    expect(holds("contains(status, '4')", { status: 404 })).toBe(false);
  });

  it("gives a text in lower case, and null of anything else", () => {
    expect(value("lower(agent)", { agent: "SQLmap/1.0" })).toBe("sqlmap/1.0");
    expect(value("lower(agent)", { agent: 4 })).toBeNull();
    expect(value("lower(agent)")).toBeNull();
  });
});

describe("a comparison", () => {
  it("of equality knows types", () => {
    expect(holds("v == '1'", { v: 1 })).toBe(false);
    expect(holds("v != '1'", { v: 1 })).toBe(true);
    expect(holds("missing == null")).toBe(true);
    expect(holds("missing != 4")).toBe(true);
    expect(holds("v in ['1', 2]", { v: 1 })).toBe(false);
  });

  it("of order holds only for two numbers or two texts", () => {
    expect(holds("missing < 5")).toBe(false);
    expect(holds("missing >= missing")).toBe(false);
    expect(holds("v < 'b'", { v: "a" })).toBe(true);
    expect(holds("v < 'b'", { v: 1 })).toBe(false);
    expect(holds("5 > v", { v: 4 })).toBe(true);
    expect(holds("v >= w", { v: 2, w: 2 })).toBe(true);
    expect(holds("v <= w", { v: 3, w: 2 })).toBe(false);
    expect(holds("v > w", { v: 3, w: 2 })).toBe(true);
  });
});

describe("a truth", () => {
  it("is only the value true", () => {
    expect(holds("v", { v: 1 })).toBe(false);
    expect(holds("v", { v: true })).toBe(true);
    expect(holds("!v", { v: 1 })).toBe(true);
    expect(holds("v || w", { v: "x", w: true })).toBe(true);
    expect(holds("v && w", { v: true, w: 1 })).toBe(false);
    expect(value("1 == 1")).toBe(true);
  });
});

describe("arithmetic", () => {
  it("is done on doubles and null with anything else", () => {
    expect(value("7 / 2 - 1 * 2 + v", { v: 1 })).toBe(2.5);
    expect(value("-v", { v: 2 })).toBe(-2);
    expect(value("-v", { v: "2" })).toBeNull();
    expect(value("v + 1", { v: "2" })).toBeNull();
    expect(value("1 / 0")).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a function over a stage", () => {
  it("sees the events held, leaving out what is no number", () => {
    expect(value("count(a)")).toBe(3);
    expect(value("sum(a.v)")).toBe(7);
    expect(value("avg(a.v)")).toBe(3.5);
    expect(value("min(a.v)")).toBe(2);
    expect(value("max(a.v)")).toBe(5);
    expect(value("first(a.v)")).toBe(2);
    expect(value("last(a.v)")).toBe(5);
  });

  it("of no events is 0 for count and sum, else null", () => {
    expect(value("count(b)")).toBe(0);
    expect(value("sum(b.v)")).toBe(0);
    for (const name of ["avg", "min", "max", "first", "last"]) {
      expect(value(`${name}(b.v)`), name).toBeNull();
    }
  });
});
