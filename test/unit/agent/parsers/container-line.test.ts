import { describe, expect, test } from "vitest";
import {
  ContainerLine,
  type ContainerLineReader,
  DockerLineReader,
  readCriLine,
} from "../../../../agent/parsers/container-line.ts";

function read(reader: ContainerLineReader, text: string): unknown {
  const line = new ContainerLine();
  const bytes = Buffer.from(`"${text}"}`);
  const reason = reader(bytes, 1, bytes.length - 2, line);
  if (reason !== undefined) return reason;
  return {
    time: line.timeBuffer.toString("utf8", line.timeFrom, line.timeTo),
    text: line.textBuffer.toString("utf8", line.textFrom, line.textTo),
    stream: line.isStderr ? "stderr" : "stdout",
    partial: line.isPartial,
  };
}

const docker = new DockerLineReader();
const readDocker: ContainerLineReader = (...line) => docker.read(...line);

describe("readCriLine", () => {
  test("reads time, stream, tag and text", () => {
    expect(read(readCriLine, "2026-11-20T10:00:59Z stdout F a  b")).toEqual({
      time: "2026-11-20T10:00:59Z",
      text: "a  b",
      stream: "stdout",
      partial: false,
    });
    expect(read(readCriLine, "t stderr P  a")).toMatchObject({
      text: " a",
      stream: "stderr",
      partial: true,
    });
    expect(read(readCriLine, "t stdout F")).toMatchObject({ text: "" });
    expect(read(readCriLine, "t stdout P:x:y a")).toMatchObject({ text: "a", partial: true });
  });

  test.each([
    "",
    "t",
    "t stdout",
    "t stdout ",
    "t stdin F a",
    "t stdout X a",
    "t stdout Fa",
    "t  stdout F a",
  ])("refuses %s", (text) => {
    expect(read(readCriLine, text)).toBe("unparsed");
  });
});

describe("DockerLineReader", () => {
  const line = (log: string) => `{"log":"${log}","stream":"stderr","time":"t"}`;

  test.each([
    ["text\\n", "text"],
    ['\\ttab \\"quoted\\" \\\\n \\u00e4\\u4e2d\\u0001 ü\\n', '\ttab "quoted" \\n ä中\u0001 ü'],
    ["\\ud83d\\ude80\\n", "🚀"],
    ["\\ud83d\\n", "\ufffd"],
    ["a\\nb\\n", "a\nb"],
    ["\\n", ""],
  ])("reads the text of %s", (log, text) => {
    expect(read(readDocker, line(log))).toEqual({
      time: "t",
      text,
      stream: "stderr",
      partial: false,
    });
  });

  test.each([
    ["cut", "cut"],
    ["cut \\\\n", "cut \\n"],
    ["", ""],
  ])("knows that more of %s follows", (log, text) => {
    expect(read(readDocker, line(log))).toMatchObject({ text, partial: true });
  });

  test("reads members in any order, others too, and of one that is there twice the last", () => {
    const expected = { time: "t", text: "a", stream: "stdout", partial: false };
    expect(read(readDocker, '{"time":"t","stream":"stdout","log":"a\\n"}')).toEqual(expected);
    expect(
      read(readDocker, '{"attrs":{"tag":"x"},"time":"t","stream":"stdout","log":"a\\n"}'),
    ).toEqual(expected);
    expect(read(readDocker, ' { "log" : "a\\n", "stream":"stdout", "time":"t" } ')).toEqual(
      expected,
    );
    expect(read(readDocker, '{"log":"b","log":"a\\n","stream":"stdout","time":"t"}')).toEqual(
      expected,
    );
    expect(read(readDocker, '{"\\u006cog":"a\\n","stream":"stdout","time":"t"}')).toEqual(expected);
  });

  test.each([
    ["not_json", ""],
    ["not_json", '{"log":"a\\n","stream":"stdout","time":"t"'],
    ["not_json", '{"log":"a\\x","stream":"stdout","time":"t"}'],
    ["not_json", '{"log":"\t","stream":"stdout","time":"t"}'],
    ["not_json", '{"log":"a\\n","stream":"stdout","time":"t"} x'],
    ["unparsed", '{"stream":"stdout","time":"t"}'],
    ["unparsed", '{"log":1,"stream":"stdout","time":"t"}'],
    ["unparsed", '{"log":"a","stream":"stdin","time":"t"}'],
    ["no_time", '{"log":"a\\n","stream":"stdout"}'],
    ["unparsed", "[]"],
  ])("says %s of %s", (reason, text) => {
    expect(read(readDocker, text)).toBe(reason);
  });

  test("holds texts of any length", () => {
    const text = "ä\\n".repeat(10_000);
    expect(read(readDocker, line(`${text}\\n`))).toMatchObject({ text: "ä\n".repeat(10_000) });
  });
});
