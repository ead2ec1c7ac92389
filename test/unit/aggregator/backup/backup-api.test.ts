import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BackupApi } from "../../../../aggregator/backup/backup-api.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "backup-api-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const never = new BackupApi(realPlatform, {
  logId: "log-1",
  copyState: () => Promise.reject(new Error("nothing is to be copied")),
});

function ask(api: BackupApi, body: string, contentType = "application/json") {
  const headers = { "content-type": contentType };
  const request = { method: "POST", path: "/v1/backup", remoteAddress: "127.0.0.1", headers };
  return api.answer({ ...request, body: Buffer.from(body) });
}

describe("POST /v1/backup", () => {
  it.each([
    {
      name: "the store says that the disk is full",
      status: 507,
      fail: Object.assign(new Error("database or disk is full"), { errcode: 13 }),
      advice: "Make room there, or name another disk.",
    },
    {
      name: "the file system says so",
      status: 507,
      fail: Object.assign(new Error("no space left"), { code: "ENOSPC" }),
      advice: "Make room there, or name another disk.",
    },
    {
      name: "the disk fails",
      status: 500,
      fail: Object.assign(new Error("i/o error"), { code: "EIO" }),
      advice: "Look after that disk, then try again.",
    },
  ])("answers $status when $name, and may be asked again", async ({ status, fail, advice }) => {
    const directory = join(home, "backup");
    let isBroken = true;
    const api = new BackupApi(realPlatform, {
      logId: "0123456789abcdef0123456789abcdef",
      copyState: async (path) => {
        await writeFile(path, "half");
        if (!isBroken) return;
        throw new TailraceError("STORE_FAILED", "The state store was not copied.", { cause: fail });
      },
    });
    const body = JSON.stringify({ directory });
    const refused = await ask(api, body);
    expect(refused.status).toBe(status);
    expect(refused.headers["content-type"]).toBe("application/problem+json");
    const problem = JSON.parse(refused.body.toString());
    expect(problem).toMatchObject({ code: "no_backup", status });
    expect(problem.detail).toContain(advice);
    isBroken = false;
    expect((await ask(api, body)).status).toBe(200);
    const again = await ask(api, body);
    expect([again.status, again.body.toString()]).toEqual([
      409,
      expect.stringContaining("is not empty"),
    ]);
  });

  it("takes JSON with an absolute path, and nothing that a page in a browser can send unasked", async () => {
    const body = JSON.stringify({ directory: "/tmp/backup" });
    expect((await ask(never, body, "text/plain")).status).toBe(415);
    for (const wrong of ["", "{}", '{"directory":"relative"}', "[]"]) {
      expect((await ask(never, wrong)).status).toBe(400);
    }
  });
});
