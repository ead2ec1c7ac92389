import { mkdtemp, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { AuditLog } from "../../../../aggregator/access/audit-log.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";

const quiet = { error() {}, warn() {}, info() {}, debug() {} };
const entry = { time: "t", who: "w", address: "a", action: "POST /x", status: 200, detail: "d" };

it("an audit log goes on where it was, and is moved aside when it is large", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tailrace-audit-"));
  try {
    const path = join(folder, "audit.ndjson");
    for (const status of [200, 403]) {
      const log = new AuditLog(realDisk, folder, quiet);
      await log.append({ ...entry, status });
      await log.close();
    }
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).status)).toEqual([200, 403]);
    await truncate(path, 16 * 1024 * 1024);
    const log = new AuditLog(realDisk, folder, quiet);
    await log.append(entry);
    await log.append(entry);
    await log.close();
    expect((await readFile(path, "utf8")).trimEnd().split("\n").length).toBe(2);
    expect((await stat(`${path}.1`)).size).toBe(16 * 1024 * 1024);
  } finally {
    await rm(folder, { recursive: true });
  }
});
