import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DemoSample } from "../../../../aggregator/commands/demo-sample.ts";

const line = (time: string, rest: string) => `{"timestamp":"2023-01-29T${time}Z",${rest}}\n`;
const sampleOf = (text: string) => new DemoSample(gzipSync(text));

describe("DemoSample", () => {
  const sample = () => sampleOf(line("08:42:10.500", '"n":1') + line("08:43:00.000", '"n":2'));

  it("shifts times so that the sample's first minute begins at the start", () => {
    const start = Date.parse("2026-11-23T10:00:00Z");
    expect(sample().take(start, start + 60_000)).toBe(
      '{"timestamp":"2026-11-23T10:00:10.500Z","n":1}\n',
    );
  });

  it("gives every line once, in the order of time, however often it is asked", () => {
    const taken = sampleOf(line("08:43:00.000", '"n":2') + line("08:42:10.500", '"n":1'));
    expect(taken.take(0, 10_000)).toBe("");
    expect(taken.take(0, 60_000)).toContain('"n":1');
    expect(taken.take(0, 60_000)).toBe("");
    expect(taken.take(0, 60_001)).toContain('"n":2');
  });

  it("begins again after its last minute", () => {
    const repeated = sample().take(0, 180_000);
    expect(repeated.match(/"n":1/g)).toHaveLength(2);
    expect(repeated).toContain("1970-01-01T00:02:10.500Z");
  });

  it("refuses a line that does not begin with its time", () => {
    expect(() => sampleOf('{"n":1}\n')).toThrow("does not begin with its time");
  });
});
