import { describe, expect, test } from "vitest";
import { anyJson, jsonDialect } from "../../../../agent/parsers/json-dialects.ts";
import { LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import {
  EVENT_OPTIONS_DEFAULT,
  type EventOptions,
} from "../../../../shared/events/event-options.ts";
import { emptyMeasure } from "../../../../shared/events/parser.ts";

const TIME = '"@timestamp":"2026-11-20T10:00:59Z"';
const parse = (
  name: "clef" | "ecs" | "mongodb" | "otel",
  line: string,
  options: Partial<EventOptions> = {},
) =>
  jsonDialect(name)
    .compile({ ...EVENT_OPTIONS_DEFAULT, ...options })
    .parse(Buffer.from(line));

describe("dialects of JSON", () => {
  test("find names with dots as keys and as nested objects, also of both kinds", () => {
    for (const level of ['"log.level":"warn"', '"log":{"level":"warn"}']) {
      expect(parse("ecs", `{${TIME},${level}}`)).toMatchObject({ level: "WARN" });
    }
    const line = '{"Timestamp":1763632859,"Resource":{"service.name":"cart"},"SeverityNumber":0}';
    expect(parse("otel", line)).toMatchObject({ service: "cart", level: "OTHER" });
  });

  test("have the unit and the numbers of levels that they fix", () => {
    expect(parse("ecs", `{${TIME},"event":{"duration":0}}`)).toMatchObject({ durationUs: 0 });
    expect(parse("ecs", `{${TIME},"event":{"duration":1500}}`)).toMatchObject({ durationUs: 2 });
    expect(parse("otel", '{"timestamp":1763632859,"severityNumber":20}')).toMatchObject({
      level: "ERROR",
    });
  });

  test("have words for levels of their own, and no others", () => {
    const line = (level: string) => `{"t":{"$date":"2026-11-20T10:00:59Z"},"s":"${level}"}`;
    expect(parse("mongodb", line("D2"))).toMatchObject({ level: "DEBUG" });
    const parser = jsonDialect("mongodb").compile(EVENT_OPTIONS_DEFAULT);
    const measure = emptyMeasure();
    for (const level of ["constructor", "toString", "__proto__"]) {
      const bytes = Buffer.from(line(level));
      expect(parser.measure(bytes, 0, bytes.length, measure)).toBeUndefined();
      expect(measure.level).toBe(LEVEL_INDEX.OTHER);
    }
  });

  test("know the default names, too", () => {
    const line = '{"time":1763632859,"severityText":"","level":"warn","msg":"x"}';
    expect(parse("otel", line)).toMatchObject({ level: "WARN", message: "x" });
  });

  test("let the configuration name fields", () => {
    const fields = { service: ["labels.app"] };
    const line = `{${TIME},"labels":{"app":"x"},"log.level":"info"}`;
    expect(parse("ecs", line, { fields })).toMatchObject({ service: "x" });
  });

  test("are told from other JSON by their marks, where several are tried", () => {
    expect(parse("ecs", `{${TIME}}`)).toMatchObject({ kind: "event" });
    expect(parse("ecs", `{${TIME}}`, { isGuess: true })).toMatchObject({ reason: "unparsed" });
  });

  test("are all read by one parser, which parses and measures the same", () => {
    const parser = anyJson.compile({ ...EVENT_OPTIONS_DEFAULT, isTimeGiven: true });
    const levelOf = (text: string): unknown => {
      const line = Buffer.from(text);
      const parsed = parser.parse(line);
      const reason = parser.measure(line, 0, line.length, emptyMeasure());
      expect(reason).toBe(parsed.kind === "event" ? undefined : parsed.reason);
      return parsed.kind === "event" ? parsed.level : parsed.reason;
    };
    expect(levelOf('{"log":{"level":"error"}}')).toBe("ERROR");
    expect(levelOf('{"severityNumber":20}')).toBe("ERROR");
    expect(levelOf('{"@t":"2026-11-20T10:00:59Z","@l":"Warning"}')).toBe("WARN");
    expect(levelOf('{"level":20}')).toBe("DEBUG");
    expect(levelOf("words")).toBe("not_json");
  });
});
