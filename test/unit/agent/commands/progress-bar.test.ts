import { describe, expect, test } from "vitest";
import { ProgressBar } from "../../../../agent/commands/progress-bar.ts";

function bar(bytesTotal: number, isTerminal = true) {
  let nowMs = 0;
  const written: string[] = [];
  const progress = new ProgressBar({
    write: (text) => written.push(text),
    clock: { now: () => 0, monotonic: () => nowMs },
    isTerminal,
    bytesTotal,
  });
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { progress, written, wait };
}

describe("ProgressBar", () => {
  test("draws how far reading is, but not more often than one can see", () => {
    const { progress, written, wait } = bar(4 * 2 ** 20);
    progress.advance(2 ** 20);
    expect(written).toEqual([]);
    wait(1000);
    progress.advance(2 ** 20);
    progress.advance(1);
    expect(written).toEqual(["\r\u001b[K████████████░░░░░░░░░░░░  50 %  2 MiB, 2 MiB/s"]);
  });

  test("draws only what was read when the total is not known", () => {
    const { progress, written, wait } = bar(0);
    wait(500);
    progress.advance(2 ** 20);
    expect(written).toEqual(["\r\u001b[K1 MiB, 2 MiB/s"]);
  });

  test("is silent where there is no terminal", () => {
    const { progress, written, wait } = bar(100, false);
    wait(5000);
    progress.advance(50);
    progress.clear();
    expect(written).toEqual([]);
  });
});
