import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemCode } from "../../../../shared/errors.ts";
import { withRightsOf } from "../../../../shared/platform/rights.ts";

const isRoot = process.geteuid?.() === 0;

it("has the rights of a user while it works, if it may, and its own afterwards", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tailrace-rights-"));
  const path = join(folder, "secret");
  await writeFile(path, "secret", { mode: 0o600 });
  const before = [process.geteuid?.(), process.getegid?.(), process.getgroups?.()];
  const codeOf = () => readFile(path).then(() => "read", systemCode);
  const identity = { user: "daemon", groups: ["no-such-group"] };
  expect(await withRightsOf(identity, codeOf)).toEqual({
    result: isRoot ? "EACCES" : "read",
    isTaken: isRoot,
  });
  const failing = withRightsOf(identity, () => Promise.reject(new Error("failed")));
  await expect(failing).rejects.toThrow("failed");
  expect([process.geteuid?.(), process.getegid?.(), process.getgroups?.()]).toEqual(before);
  expect(await codeOf()).toBe("read");
  await rm(folder, { recursive: true });
});

it("works as it is where there is no such user", async () => {
  const found = await withRightsOf({ user: "no-such-user", groups: [] }, async () => 1);
  expect(found).toEqual({ result: 1, isTaken: false });
});
