import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** What a run would leave out where no server was ever fetched. */
function leftOut(environment: Readonly<Record<string, string>>) {
  const module = JSON.stringify(join(import.meta.dirname, "servers.ts"));
  const code = `import(${module}).then(({ testsWithoutServer }) => console.log(testsWithoutServer().join("\\n")))`;
  return spawnSync(process.execPath, ["-e", code], {
    env: { XDG_CACHE_HOME: join(import.meta.dirname, "no-such-cache"), ...environment },
    encoding: "utf8",
  });
}

describe("tests against servers that are not there", () => {
  it("are left out, with one line that says so", () => {
    const { stdout, stderr, status } = leftOut({});
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^Left out tests against .*elasticsearch.*: run test\/integration\/setup first\.\n$/,
    );
    expect(stdout).toContain("test/integration/**/*redis*.test.ts");
  });

  it("are left out without a word where only long runs need them", () => {
    const { stdout, stderr } = leftOut({});
    expect(stdout).toContain("*druid*");
    expect(stderr).not.toContain("druid");
    expect(leftOut({ TAILRACE_LONG: "1" }).stderr).toContain("druid");
  });

  it("fail the run where servers are required", () => {
    const { stderr, status } = leftOut({ TAILRACE_SERVERS: "required" });
    expect(status).not.toBe(0);
    expect(stderr).toContain("Servers are missing: ");
  });
});
