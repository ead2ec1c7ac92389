import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const MODULE = JSON.stringify(join(import.meta.dirname, "../../../../shared/platform/end-soon.ts"));

/** Exit code and signal of a process that runs `code` and then ends soon. */
function run(code: string) {
  const script = `import(${MODULE}).then(({ endSoon }) => { ${code}; endSoon(); })`;
  const { status, signal } = spawnSync(process.execPath, ["-e", script], { timeout: 20_000 });
  return { status, signal };
}

describe("a process that ends soon", () => {
  it("ends with its exit code though something is left open", () => {
    expect(run("process.exitCode = 3; setInterval(() => undefined, 1000)")).toEqual({
      status: 3,
      signal: null,
    });
  });

  it("ends as ever when nothing is", () => {
    expect(run("process.exitCode = 0")).toEqual({ status: 0, signal: null });
  });
});
