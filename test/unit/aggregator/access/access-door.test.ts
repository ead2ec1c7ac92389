import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AccessDoor } from "../../../../aggregator/access/access-door.ts";
import { makeSecret } from "../../../../aggregator/access/token.ts";
import { writeGiven } from "../../../../aggregator/access/token-files.ts";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };
const { disk, random } = realPlatform;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tailrace-door-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** Codes of which each lets in one agent, once. */
async function giveCodes(count: number): Promise<string[]> {
  const secrets = Array.from({ length: count }, () => makeSecret(random));
  const codes = secrets.map(({ id, hash }) => ({
    ...{ id, hash, createdAt: "2026-01-01T00:00:00Z", expiresAt: "9999-01-01T00:00:00Z" },
  }));
  await writeGiven(disk, directory, { version: 1, tokens: [], codes, revoked: [] });
  return secrets.map(({ text }) => text);
}

async function openDoor(on: Disk = disk): Promise<AccessDoor> {
  const door = new AccessDoor({
    ...{ mode: "credentials", platform: { ...realPlatform, disk: on }, logger: quiet, directory },
    ...{ addressRequestsPerSecond: 1_000, observe: () => {} },
  });
  await door.open();
  return door;
}

function request(body: object, authorization?: string) {
  return {
    ...{ method: "POST", path: "/v1/enroll", body: Buffer.from(JSON.stringify(body)) },
    ...{ headers: authorization === undefined ? {} : { authorization }, remoteAddress: "::1" },
  };
}

it("lets in many agents that enroll at once, also after a restart", async () => {
  const codes = await giveCodes(20);
  const door = await openDoor();
  const answers = await Promise.all(
    codes.map((code, index) => door.enroll(request({ code, agent: `web-${index}` }))),
  );
  await door.close();
  expect(answers.map(({ status }) => status)).toEqual(codes.map(() => 200));
  const again = await openDoor();
  for (const [index, { body }] of answers.entries()) {
    const { token } = JSON.parse(body.toString());
    const { principal } = again.identify(request({}, `Bearer ${token}`));
    expect(principal.agents).toEqual([`web-${index}`]);
  }
  await again.close();
  const kept = JSON.parse(await readFile(join(directory, "enrolled.json"), "utf8"));
  expect(kept.usedCodes).toHaveLength(codes.length);
});

it("does not use up a code whose token could not be kept", async () => {
  const [code = ""] = await giveCodes(1);
  let isFull = true;
  const rename = async (from: string, to: string) => {
    if (isFull) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    await disk.rename(from, to);
  };
  const door = await openDoor({ ...disk, rename });
  const ask = request({ code, agent: "web-1" });
  await expect(door.enroll(ask)).rejects.toThrow("ENOSPC");
  isFull = false;
  expect((await door.enroll(ask)).status).toBe(200);
  expect((await door.enroll(ask)).status).toBe(401);
  await door.close();
});
