import { describe, expect, it } from "vitest";
import { Breaker } from "../../../../aggregator/sinks/breaker.ts";

describe("a breaker", () => {
  it("waits for a drawn part of a range that doubles, up to its limit", () => {
    const breaker = new Breaker();
    const waits: number[] = [];
    for (let count = 0; count < 4; count++) {
      breaker.fail(1_000, 0.999_999, 0);
      waits.push(Math.round(breaker.waitMs(1_000)));
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000]);
    const lucky = new Breaker();
    lucky.fail(0, 0, 0);
    expect(lucky.waitMs(0)).toBe(0);
    expect(lucky.state(0)).toBe("closed");
  });

  it("opens after five failures in a row, then allows one try, and closes when that succeeds", () => {
    const breaker = new Breaker();
    for (let count = 0; count < 5; count++) breaker.fail(0, 0.5, 0);
    expect([breaker.state(0), breaker.state(11_249), breaker.state(11_250)]).toEqual([
      "open",
      "open",
      "half_open",
    ]);
    breaker.fail(12_000, 0, 0);
    expect([breaker.state(12_000), breaker.waitMs(12_000)]).toEqual(["open", 7_500]);
    breaker.succeed();
    expect([breaker.state(12_000), breaker.waitMs(12_000), breaker.failureCount]).toEqual([
      "closed",
      0,
      0,
    ]);
  });

  it("waits at least as long as the store asks for", () => {
    const breaker = new Breaker();
    breaker.fail(100, 0.5, 60_000);
    expect(breaker.waitMs(100)).toBe(60_000);
  });
});
