import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serviceManager } from "../../../../shared/platform/service-manager.ts";

let folder: string;
let program: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-notify-"));
  program = join(folder, "notify");
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${folder}/told\n`);
  await chmod(program, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const environment = { NOTIFY_SOCKET: "/run/notify", PATH: process.env["PATH"] };
const told = async () => (await readFile(join(folder, "told"), "utf8")).trimEnd().split("\n");

describe("a service manager", () => {
  it("is told states in the order of the calls, with a text for people", async () => {
    const manager = serviceManager(environment, program);
    await Promise.all([
      manager.notify("ready", "reads 2 sources"),
      manager.notify("watchdog"),
      manager.notify("reloading"),
      manager.notify("stopping"),
    ]);
    expect(await told()).toEqual([
      "/run/notify READY=1 STATUS=reads 2 sources",
      "/run/notify WATCHDOG=1",
      expect.stringMatching(/^\/run\/notify RELOADING=1 MONOTONIC_USEC=\d+$/),
      "/run/notify STOPPING=1",
    ]);
  });

  it("is nobody without NOTIFY_SOCKET", async () => {
    const manager = serviceManager({ WATCHDOG_USEC: "1000000" }, program);
    await manager.notify("ready");
    await expect(told()).rejects.toThrow("ENOENT");
    expect(manager.watchdogMs).toBeUndefined();
  });

  it("says how often it wants to hear", () => {
    const manager = serviceManager({ ...environment, WATCHDOG_USEC: "30000000" }, program);
    expect(manager.watchdogMs).toBe(30_000);
  });

  it("fails with a code when it cannot be told, and goes on with the next", async () => {
    const manager = serviceManager(environment, join(folder, "none"));
    await expect(manager.notify("ready")).rejects.toMatchObject({ code: "SERVICE_MANAGER_FAILED" });
    await expect(manager.notify("ready")).rejects.toMatchObject({ code: "SERVICE_MANAGER_FAILED" });
  });
});
