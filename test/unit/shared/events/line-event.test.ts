import { describe, expect, it } from "vitest";
import { type ParserName, parsers } from "../../../../agent/parsers/registry.ts";
import { readEvent } from "../../../../aggregator/rules/read-event.ts";
import { present } from "../../../../shared/assert.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { lineEvent } from "../../../../shared/events/line-event.ts";

function read(format: ParserName, line: string) {
  const parser = parsers[format].compile({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" });
  return lineEvent(parser, format, Buffer.from(line), "web");
}

describe("the event of a line", () => {
  it("has all fields of a JSON line as they stand there, and what else is known", () => {
    const line =
      '{"timestamp":"2026-11-20T10:00:00.250Z","severity":"err","msg":"m","type":"LOGIN","key":7,"a":{"b":[1]},"duration":1500}';
    expect(read("json", line)).toEqual({
      id: "",
      ts: Date.UTC(2026, 10, 20, 10, 0, 0, 250),
      key: "7",
      type: "LOGIN",
      fields: { ...JSON.parse(line), service: "web", level: "ERROR", message: "m" },
    });
  });

  it("leaves a field alone that the line has under the very name, whatever it holds", () => {
    const fields = { service: null, level: "warning", message: 5, duration: "long" };
    const line = JSON.stringify({ time: "2026-11-20T10:00:00Z", ...fields });
    expect(read("json", line)?.fields).toMatchObject(fields);
  });

  it.each([
    '{"timestamp":"2026-11-20T10:00:00Z","event_type":"PAID","userId":"u1","amount":1e3}',
    '{"ts":1795430400123,"time":null,"type":"A","type":"B","__proto__":{"x":1}}',
    '{"@timestamp":"2026-11-20T10:00:00+01:00","type":"\\u0041","key":"k","id":4}',
  ])("is the one that `rules run` reads from the same line: %s", (line) => {
    const live = present(read("json", line), "an event");
    const offline = readEvent(JSON.parse(line), 1);
    if (typeof offline === "string") throw new Error(offline);
    expect({ ...live, id: 0, fields: undefined }).toEqual({ ...offline, id: 0, fields: undefined });
    for (const [name, value] of Object.entries(offline.fields)) {
      expect(Object.entries(live.fields)).toContainEqual([name, value]);
    }
  });

  it("has what the parser found in other formats", () => {
    expect(
      read("logfmt", "time=2026-11-20T10:00:00Z type=LOGIN user=u1 took=2s level=warn"),
    ).toEqual({
      id: "",
      ts: Date.UTC(2026, 10, 20, 10),
      key: null,
      type: "LOGIN",
      fields: { type: "LOGIN", user: "u1", took: "2s", service: "web", level: "WARN" },
    });
    const access = '10.0.0.1 - - [20/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 500 1 0.250';
    expect(read("access-log", access)?.fields).toMatchObject({
      ...{ service: "web", level: "ERROR", message: "GET /x HTTP/1.1", duration: 250 },
    });
  });

  it("is none when the line is none", () => {
    expect(read("json", '{"type":"LOGIN"}')).toBeUndefined();
    expect(read("json", "no json")).toBeUndefined();
  });
});
