import { describe, expect, it } from "vitest";
import { parsers } from "../../../../agent/parsers/registry.ts";
import { syslogLine } from "../../../../agent/source/syslog-message.ts";

const NOW = Date.UTC(2026, 10, 20, 10);

function line(message: string): string {
  return syslogLine(Buffer.from(message), NOW).toString();
}

describe("a syslog message as a line", () => {
  it("stays as it is when it has a time, whatever ends it", () => {
    for (const text of [
      "<34>Oct 11 22:14:15 mymachine su: failed",
      "<34>Oct  1 2026 22:14:15 mymachine su: failed",
      "<165>1 2003-10-11T22:14:15.003Z host app - ID47 - hello",
      "<13>2026-11-20T10:00:00.123+01:00 host app[1]: hello",
      "Oct 11 22:14:15 mymachine su: failed",
    ]) {
      for (const end of ["", "\n", "\r\n", "\0", "\n\0"])
        expect(line(text + end)).toBe(`${text}\n`);
    }
  });

  it("gets the time when it came when it has none", () => {
    expect(line("<34>su: failed")).toBe("<34>1 2026-11-20T10:00:00.000Z - su - - - failed\n");
    expect(line("hello")).toBe("<13>1 2026-11-20T10:00:00.000Z - - - - - hello\n");
    expect(line("<34>1 - host app - - - x")).toBe(
      "<34>1 2026-11-20T10:00:00.000Z host app - - - x\n",
    );
  });

  it("is one line whatever it holds", () => {
    expect(line("<34>Oct 11 22:14:15 m su: a\nb\n\nc\n")).toBe(
      "<34>Oct 11 22:14:15 m su: a b  c\n",
    );
    expect(line("")).toBe("\n");
    expect(line("\n")).toBe("\n");
  });

  it("is an event to the parser when its time was missing", () => {
    const options = { fields: {}, durationUnit: "ms", timezone: "UTC", nowMs: () => NOW } as const;
    const parser = parsers.syslog.compile(options);
    const bytes = syslogLine(Buffer.from("<34>su[7]: failed"), NOW);
    expect(parser.parse(bytes.subarray(0, -1))).toMatchObject({
      ...{ kind: "event", timeMs: NOW, service: "su", level: "FATAL", message: "failed" },
    });
  });
});
