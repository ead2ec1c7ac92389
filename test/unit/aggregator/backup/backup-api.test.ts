import { describe, expect, it } from "vitest";
import { BackupApi } from "../../../../aggregator/backup/backup-api.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";

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
  it("takes JSON with an absolute path, and nothing that a page in a browser can send unasked", async () => {
    const body = JSON.stringify({ directory: "/tmp/backup" });
    expect((await ask(never, body, "text/plain")).status).toBe(415);
    for (const wrong of ["", "{}", '{"directory":"relative"}', "[]"]) {
      expect((await ask(never, wrong)).status).toBe(400);
    }
  });
});
