import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../../aggregator/state/sqlite-store.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";

const root = join(import.meta.dirname, "../../../..");
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sqlite-store-"));
  path = join(directory, "state.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a sqlite store", () => {
  it("keeps a second one out while it is open, and lets it in afterwards", async () => {
    const first = await openSqliteStore(realDisk, path);
    await expect(openSqliteStore(realDisk, path)).rejects.toMatchObject({ code: "LOCK_HELD" });
    await first.commit([{ key: "a", value: Buffer.from("1") }]);
    await first.close();
    const second = await openSqliteStore(realDisk, path);
    expect(second.get("a")).toEqual(Buffer.from("1"));
    await second.close();
  });

  it("is refused when a newer version wrote it", async () => {
    await (await openSqliteStore(realDisk, path)).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 3");
    database.close();
    await expect(openSqliteStore(realDisk, path)).rejects.toMatchObject({ code: "FORMAT_UNKNOWN" });
  });

  it("takes over what the version before wrote into a single table", async () => {
    const keys = ["change/1", "collect", "minute//s/1/a", "process", "rollup-minute/5//s/1/a"];
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA application_id = 1953264227; PRAGMA user_version = 1;
      CREATE TABLE state (key TEXT NOT NULL UNIQUE, value BLOB NOT NULL)`);
    const insert = database.prepare("INSERT INTO state (key, value) VALUES (?, ?)");
    for (const key of keys) insert.run(key, Buffer.from(`of ${key}`));
    database.close();
    for (let start = 1; start <= 2; start++) {
      const store = await openSqliteStore(realDisk, path);
      const found = [...store.range("", "~")].map(([key, value]) => [key, value.toString()]);
      expect(found).toEqual(keys.map((key) => [key, `of ${key}`]));
      for (const key of keys) expect(store.get(key)?.toString()).toBe(`of ${key}`);
      await store.close();
    }
  });

  it("is refused when the file is another program's database, or none", async () => {
    const database = new DatabaseSync(path);
    database.exec("PRAGMA application_id = 7; CREATE TABLE other (a)");
    database.close();
    await expect(openSqliteStore(realDisk, path)).rejects.toMatchObject({ code: "STORE_FAILED" });
    const garbage = join(directory, "garbage.db");
    writeFileSync(garbage, Buffer.alloc(8_192, "garbage"));
    await expect(openSqliteStore(realDisk, garbage)).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
  });

  it("is as after one of its commits wherever a crash cuts its log, or harms what was not synced", async () => {
    const store = await openSqliteStore(realDisk, path);
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    for (let number = 1; number <= 12; number++) {
      await store.commit(keys.map((key) => ({ key, value: Buffer.alloc(25 * number, 1) })));
    }
    const main = readFileSync(path);
    const log = readFileSync(`${path}-wal`);
    await store.close();
    expect(log.length).toBeGreaterThan(100_000);
    const seen: number[] = [];
    const copy = join(directory, "copy.db");
    for (let at = 0; at <= 60; at++) {
      const cut = Math.floor((log.length * at) / 60);
      const harmed = Buffer.from(log);
      // Every second time the bytes are there, but are others.
      if (at % 2 === 0) harmed.fill(0x5a, cut);
      writeFileSync(copy, main);
      writeFileSync(`${copy}-wal`, at % 2 === 0 ? harmed : log.subarray(0, cut));
      const opened = await openSqliteStore(realDisk, copy);
      const found = new Set(keys.map((key) => (opened.get(key)?.length ?? 0) / 25));
      await opened.close();
      expect(found.size, `cut at ${cut}`).toBe(1);
      seen.push(...found);
      rmSync(copy);
      rmSync(`${copy}-wal`, { force: true });
    }
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(12);
  });

  it("is copied as of one commit while others follow", async () => {
    const store = await openSqliteStore(realDisk, path);
    const keys = Array.from({ length: 3_000 }, (_, index) => `key-${index}`);
    const commit = (number: number) =>
      store.commit(keys.map((key) => ({ key, value: Buffer.alloc(2_000, number) })));
    await commit(1);
    const target = join(directory, "copy.db");
    const copying = store.backup(target);
    await commit(2);
    await commit(3);
    await copying;
    await commit(4);
    await store.close();
    const copy = await openSqliteStore(realDisk, target);
    const found = new Set(keys.map((key) => copy.get(key)?.[0]));
    expect(found.size).toBe(1);
    expect([1, 2, 3]).toContain([...found][0]);
    await copy.close();
  });

  it("keeps every commit that was acknowledged to a process that is then killed, whole", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", writerCode()], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = new Promise((resolve) => child.on("exit", resolve));
    let acknowledged = 0;
    for await (const chunk of child.stdout) {
      acknowledged = Number(String(chunk).trim().split("\n").at(-1));
      if (acknowledged >= 50) break;
    }
    child.kill("SIGKILL");
    await exited;
    const store = await openSqliteStore(realDisk, path);
    const values = [...store.range("", "~")].map(([, value]) => Number(value));
    expect(values).toHaveLength(100);
    expect(new Set(values).size).toBe(1);
    expect(values[0]).toBeGreaterThanOrEqual(acknowledged);
    await store.close();
  });
});

/** A process that writes the same rising number to a hundred rows, commit by commit, and prints it when it is committed. */
function writerCode(): string {
  return `
    import { openSqliteStore } from ${JSON.stringify(join(root, "aggregator/state/sqlite-store.ts"))};
    import { realDisk } from ${JSON.stringify(join(root, "shared/platform/real-disk.ts"))};
    const store = await openSqliteStore(realDisk, ${JSON.stringify(path)});
    for (let number = 1; ; number++) {
      const value = Buffer.from(String(number));
      await store.commit(Array.from({ length: 100 }, (_, row) => ({ key: "row/" + row, value })));
      process.stdout.write(number + "\\n");
    }`;
}
