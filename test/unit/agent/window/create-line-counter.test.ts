import { describe, expect, test } from "vitest";
import {
  createLineCounter,
  isCountedByLine,
} from "../../../../agent/window/create-line-counter.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { STREAM_DEFAULT } from "../../../../shared/protocol/batch.ts";

const LINES = {
  auto: "time=2026-11-20T10:00:00Z level=error",
  "access-log": '10.0.0.1 - - [20/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 500 1',
  json: '{"time":"2026-11-20T10:00:00Z","level":"ERROR"}',
  cri: "2026-11-20T10:00:00Z stdout F level=error msg=x",
  docker: '{"log":"level=error msg=x\\n","stream":"stdout","time":"2026-11-20T10:00:00Z"}',
  logfmt: "time=2026-11-20T10:00:00Z level=error",
  log4j: "2026-11-20 10:00:00,000 ERROR [main] shop.App: x",
  syslog: "<3>1 2026-11-20T10:00:00Z host - - - - x",
} as const;
const NAMES = ["auto", "access-log", "json", "cri", "docker", "logfmt", "log4j", "syslog"] as const;

describe("createLineCounter", () => {
  test.each(NAMES)("makes a counter for %s", (format) => {
    const counter = createLineCounter({ ...EVENT_OPTIONS_DEFAULT, format });
    const bytes = Buffer.from(`${LINES[format]}\n`);
    counter.count(bytes, 0, bytes.length, {
      service: "web",
      eventTimeLimitMs: Number.POSITIVE_INFINITY,
    });
    const [delta] = counter.take().deltas;
    expect([delta?.stream, delta?.service, delta?.aggregate.errorCount]).toEqual([
      STREAM_DEFAULT,
      "web",
      1,
    ]);
  });

  test.each([
    ["cri", "2026-11-20T10:00:00Z stdout P cut\n", "2026-11-20T10:00:00Z stdout F its end\n"],
    [
      "docker",
      '{"log":"cut","stream":"stdout","time":"2026-11-20T10:00:00Z"}\n',
      '{"log":" its end\\n","stream":"stdout","time":"2026-11-20T10:00:00Z"}\n',
    ],
  ] as const)("makes a counter for %s that looks at the line before its first one", (...given) => {
    const [format, piece, end] = given;
    const counter = createLineCounter({ ...EVENT_OPTIONS_DEFAULT, format });
    const context = { service: "web", eventTimeLimitMs: Number.POSITIVE_INFINITY, file: 1 };
    expect(counter.lookBackBytes?.(1)).toBeGreaterThan(6 * 16_384);
    expect(counter.isUnfinished?.(Buffer.from(piece), 0, piece.length, 1)).toBe(true);
    expect(counter.isUnfinished?.(Buffer.from(end), 0, end.length, 1)).toBe(false);
    const bytes = Buffer.from(piece + end);
    counter.count(bytes, piece.length, bytes.length, context);
    expect(counter.take().entries).toEqual([
      { kind: "filtered", reason: "joined", lines: 1, bytes: end.length },
    ]);
  });

  test("hands over stream, options and limit", () => {
    const counter = createLineCounter({
      fields: { time: ["when"], service: ["app"] },
      durationUnit: "s",
      timezone: "+02:00",
      format: "json",
      stream: "other",
      servicesMax: 1,
    });
    const text = ["a", "b", "c"]
      .map((app) => `{"when":"2026-11-20 10:00:00","app":"${app}","duration":1.5}\n`)
      .join("");
    counter.count(Buffer.from(text), 0, text.length, {
      service: "web",
      eventTimeLimitMs: Number.POSITIVE_INFINITY,
    });
    const { deltas, eventTimeMaxMs } = counter.take();
    expect(eventTimeMaxMs).toBe(Date.UTC(2026, 10, 20, 8));
    expect(
      deltas.map(({ stream, service, aggregate }) => [stream, service, aggregate.durationSum]),
    ).toEqual([
      ["other", "a", 1_500_000],
      ["other", "__other__", 3_000_000],
    ]);
  });
});

describe("lines are counted by themselves", () => {
  const counted = (options: Partial<Parameters<typeof isCountedByLine>[1]>) => {
    const { format = "json" } = options;
    return (
      format !== "auto" && isCountedByLine(format, { ...EVENT_OPTIONS_DEFAULT, format, ...options })
    );
  };

  test("in formats of which every line is an event", () => {
    for (const format of ["json", "access-log", "logfmt", "syslog", "journald"] as const) {
      expect(counted({ format }), format).toBe(true);
    }
  });

  test("but not where lines are joined, or a line before tells what one is", () => {
    for (const format of ["log4j", "text", "postgres", "cri", "docker"] as const) {
      expect(counted({ format }), format).toBe(false);
    }
    expect(counted({ multiline: { start: "^\\{" } })).toBe(false);
    expect(counted({ format: "log4j", multiline: { mode: "off" } })).toBe(true);
    expect(counted({ format: "cri", multiline: { mode: "off" } })).toBe(false);
  });
});
