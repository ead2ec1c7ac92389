import { describe, expect, test } from "vitest";
import { command, runParse } from "../../../../agent/commands/parse.ts";
import { pieces, temporaryFile, testIo } from "./test-io.ts";

const FLAGS = { format: "auto", timezone: "UTC", durationUnit: "ms" } as const;
const GOOD =
  '{"time":"2026-11-20T10:00:00.5Z","service":"a","level":"warn","msg":"hi","duration":2,"x":1}';

describe("parse", () => {
  test("prints events with everything that is known of them", async () => {
    const io = testIo();
    const path = temporaryFile("web.log", `${GOOD}\n{"time":"2026-11-20T10:00:01Z"}`);
    expect(await runParse({ ...FLAGS, path }, io)).toBe(0);
    expect(io.output()).toBe(
      '{"time":"2026-11-20T10:00:00.500Z","stream":"application-logs","service":"a","level":"WARN","message":"hi","duration":2,"fields":{"x":1}}\n' +
        '{"time":"2026-11-20T10:00:01.000Z","stream":"application-logs","service":"web","level":"INFO","message":null,"duration":null,"fields":{}}\n',
    );
    expect(io.errors()).toBe(`${path}: read as json, which fits 2 of the first 2 events\n`);
  });

  test("says of each rejected line where it is, why, and how it begins", async () => {
    const io = testIo({
      stdin: pieces([`\ufeff${GOOD}\r\n\n`, `bad \u001b[31m\n{}\n${"y".repeat(500)}`]),
    });
    expect(await runParse({ ...FLAGS, path: "-" }, io)).toBe(0);
    expect(io.output().split("\n").length).toBe(2);
    expect(io.errors()).toBe(
      "standard input:3: not_json: bad \ufffd[31m\n" +
        "standard input:4: no_time: {}\n" +
        `standard input:5: not_json: ${"y".repeat(120)}…\n` +
        "standard input: read as json, which fits 1 of the first 1 events\n" +
        "standard input: 3 of 5 lines rejected\n",
    );
  });

  test("finds out the format, or keeps to the one it is told", async () => {
    const path = temporaryFile("a.log", "time=2026-11-20T10:00:00Z a=b\n");
    const found = testIo();
    await runParse({ ...FLAGS, path }, found);
    expect(JSON.parse(found.output()).fields).toEqual({ a: "b" });
    const told = testIo();
    await runParse({ ...FLAGS, path, format: "json" }, told);
    expect(told.output()).toBe("");
    expect(told.errors()).toContain("a.log:1: not_json");
  });

  test("fails when the file cannot be read", async () => {
    const io = testIo();
    expect(await runParse({ ...FLAGS, path: "/nowhere/x" }, io)).toBe(1);
    expect(io.errors()).toBe("/nowhere/x: cannot be read: there is no such file\n");
  });

  test("reads standard input when no file is named, and only one file", async () => {
    const io = testIo({ stdin: pieces([GOOD]) });
    expect(await command.run([], {}, io)).toBe(0);
    expect(JSON.parse(io.output()).service).toBe("a");
    await expect(command.run(["a", "b"], {}, io)).rejects.toThrow("one file at a time");
  });
});
