import { describe, expect, test } from "vitest";
import { FormatGuess, FormatSampler, SAMPLE_LINES } from "../../../../agent/parsers/auto.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

const LINES = {
  json: '{"time":"2026-11-20T10:00:00Z","service":"a"}',
  logfmt: "time=2026-11-20T10:00:00Z service=a",
  "access-log": '10.0.0.1 - - [20/Nov/2026:10:00:59 +0100] "GET / HTTP/1.1" 200 1',
};

function guess(lines: readonly string[]): FormatGuess {
  const sampler = new FormatSampler({ ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" });
  const found = new FormatGuess();
  for (const line of lines) {
    const bytes = Buffer.from(line);
    found.weigh(sampler, bytes, 0, bytes.length);
  }
  return found;
}

describe("FormatGuess", () => {
  test.each(Object.entries(LINES))("knows %s by one line", (format, line) => {
    expect(guess([line]).choice).toEqual({ format, lines: 1, sampled: 1, isFinal: false });
  });

  test("does not let one bad line decide, and says how sure it is", () => {
    const lines = [LINES.logfmt, ...Array.from({ length: 9 }, () => LINES.json)];
    expect(guess(lines).choice).toEqual({ format: "json", lines: 9, sampled: 10, isFinal: false });
  });

  test("does not weigh lines that are an event in no format", () => {
    const lines = ["Starting up", "port=80", "", "{}", LINES["access-log"]];
    expect(guess(lines).choice).toMatchObject({ format: "access-log", lines: 1, sampled: 1 });
  });

  test("stands after the sample", () => {
    const lines = Array.from({ length: SAMPLE_LINES }, () => LINES.json);
    expect(guess(lines).choice).toMatchObject({ format: "json", isFinal: true });
    expect(guess(lines.slice(1)).isFinal).toBe(false);
  });

  test("has no choice without events, but knows whose reasons fit", () => {
    expect(guess(["{}", '{"a":1}']).choice).toBeUndefined();
    expect(guess(["{}", '{"a":1}']).nearest).toBe("json");
    expect(guess(["a=b"]).nearest).toBe("logfmt");
    expect(guess(["# User@Host: app[app] @ localhost []", "select 1;"]).nearest).toBe("mysql-slow");
    expect(guess(["plain words"]).nearest).toBeUndefined();
  });
});
