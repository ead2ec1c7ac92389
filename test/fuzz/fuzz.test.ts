/** A short run of every fuzz target, always the same; `npm run fuzz` runs longer ones. Inputs that once broke something come first. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Prng } from "../../shared/platform/simulated/prng.ts";
import { Fuzzer, feed } from "./fuzzer.ts";
import { GROWTH_BYTES_MAX, growthOf } from "./memory-growth.ts";
import { mutate } from "./mutate.ts";
import { targets } from "./targets.ts";

const INPUT_COUNT = 1_500;

/** One input a line: the target's name, a space, the bytes as base64. */
const found = readFileSync(new URL("found.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(" "));

describe.each([...targets])("%s", (name, make) => {
  it("takes whatever comes", async () => {
    const target = await make();
    for (const [of, text = ""] of found) {
      if (of === name) await feed(target, Buffer.from(text, "base64"));
    }
    const fuzzer = new Fuzzer(target, 1);
    for (let count = 0; count < INPUT_COUNT; count++) await fuzzer.step(() => undefined);
    expect(fuzzer.answerCount).toBeGreaterThan(1);
  });
});

describe("a fuzzer", () => {
  it("finds what breaks deep inside", async () => {
    const target = {
      seeds: [Buffer.from("abc")] as [Buffer],
      feed: (input: Buffer) => {
        const text = input.toString("latin1");
        if (text.includes("a{") && text.length > 6) throw new Error("planted");
        return `${text.includes("{")} ${text.length > 6}`;
      },
    };
    const fuzzer = new Fuzzer(target, 1);
    const search = async () => {
      for (let count = 0; count < 20_000; count++) await fuzzer.step(() => undefined);
    };
    await expect(search()).rejects.toThrow("planted");
  });

  it("makes the same inputs of the same seed", () => {
    const inputs = (seed: number) => {
      const prng = new Prng(seed);
      return Array.from({ length: 50 }, () => mutate(prng, [Buffer.from("some input")]));
    };
    expect(inputs(1)).toEqual(inputs(1));
    expect(inputs(1)).not.toEqual(inputs(2));
  });
});

describe("memory", () => {
  const samples = (bytesOf: (index: number) => number) =>
    Array.from({ length: 24 }, (_, index) => bytesOf(index));

  it("grows when more and more is kept, and not when caches fill up or garbage comes and goes", () => {
    const step = (GROWTH_BYTES_MAX / 24) * 3;
    expect(growthOf(samples((index) => index * step))).toMatch(/^memory grows: /);
    expect(growthOf(samples((index) => Math.min(6, index) * 10 * step))).toBeUndefined();
    expect(growthOf(samples((index) => (index % 3) * 10 * step))).toBeUndefined();
    expect(growthOf([0, GROWTH_BYTES_MAX * 2])).toBeUndefined();
  });

  it("of a fuzzer stays small whatever a target answers", async () => {
    let count = 0;
    const target = {
      seeds: [Buffer.alloc(60_000, 1)] as [Buffer],
      feed: () => `${count++} ${"x".repeat(1_000)}`,
    };
    const fuzzer = new Fuzzer(target, 1);
    for (let index = 0; index < 1_000; index++) await fuzzer.step(() => undefined);
    expect(fuzzer.answerCount).toBe(1_000);
    expect(fuzzer.keptBytes).toBeLessThan(4 * 1024 * 1024);
  });
});
