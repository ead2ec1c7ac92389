import { describe, expect, test } from "vitest";
import { realThreads, ThreadModule } from "../../../../shared/platform/threads.ts";
import { temporaryFile } from "../../agent/commands/test-io.ts";

const PORT = new URL("../../../../shared/platform/threads.ts", import.meta.url).href;

const NOWHERE = new ThreadModule<number, never>(new URL("file:///nowhere.mjs"));

/** Starts a module with this text. */
function start(text: string, task: unknown) {
  const module = temporaryFile(
    "thread.mjs",
    `import { ThreadModule } from "${PORT}";\nconst { task, tell } = new ThreadModule().inside();\n${text}\n`,
  );
  const messages: unknown[] = [];
  const told = (message: unknown) => messages.push(message);
  return {
    ...realThreads.start(new ThreadModule(new URL(`file://${module}`)), task, told),
    messages,
  };
}

describe("a thread", () => {
  test("learns its task, tells its messages, and has ended when all of them came", async () => {
    const memory = new SharedArrayBuffer(4);
    const text =
      "new Int32Array(task.memory)[0] = 7; const a = new Float64Array([task.a]); tell(a, [a.buffer]); tell(a.length);";
    const { ended, messages } = start(text, { memory, a: 1.5 });
    await ended;
    expect(messages).toEqual([new Float64Array([1.5]), 0]);
    expect(new Int32Array(memory)[0]).toBe(7);
  });

  test("fails with what it failed with", async () => {
    await expect(start("throw new RangeError(task)", "too much").ended).rejects.toThrow("too much");
    const missing = realThreads.start(NOWHERE, 0, () => undefined);
    await expect(missing.ended).rejects.toThrow("nowhere.mjs");
  });

  test("ends at once when it is stopped, also again", async () => {
    const thread = start("tell(1); for (;;);", 0);
    while (thread.messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await thread.stop();
    await thread.stop();
    await thread.ended;
  });
});

test("there is at least one processor", () => {
  expect(realThreads.processors).toBeGreaterThanOrEqual(1);
});
