import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemCode } from "../../../../shared/errors.ts";
import { globFiles } from "../../../../shared/platform/glob-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-glob-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const name = fc.constantFrom("a", "b", "a.log", "b.log", ".a.log", ".h", "c.log.1", "x[1].log");
const place = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const entry = fc.record({
  path: place,
  kind: fc.constantFrom("file", "folder", "link"),
  to: place,
});
const segment = fc.constantFrom(
  ...[
    "*",
    "**",
    "*.log",
    "?",
    "a",
    ".h",
    "a.log",
    "[ab].log",
    "*.{log,1}",
    "a*",
    ".*",
    "x\\[1\\].log",
  ],
);
const pattern = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

/** Makes what can be made: a place may be taken, or lie below a file. */
async function make(root: string, { path, kind, to }: { path: string; kind: string; to: string }) {
  const full = join(root, path);
  try {
    await mkdir(kind === "folder" ? full : dirname(full), { recursive: true });
    if (kind === "file") await writeFile(full, "");
    if (kind === "link") await symlink(join(root, to), full);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

/** What Node's own glob finds, as far as it is a file. */
function expected(glob: string): string[] {
  const found = new Set<string>();
  for (const path of globSync(glob)) {
    if (isFile(path)) found.add(path);
  }
  return [...found].sort();
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    // A link that leads nowhere, or round in a circle.
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

describe("the files that a pattern finds", () => {
  it("are those of Node's glob, in any tree", async () => {
    let number = 0;
    const trees = fc.array(entry, { maxLength: 12 });
    const property = fc.asyncProperty(trees, fc.array(pattern), async (entries, patterns) => {
      const root = join(folder, String(number++));
      await mkdir(root);
      for (const one of entries) await make(root, one);
      for (const one of patterns) {
        const glob = join(root, one);
        expect(await globFiles(glob), glob).toEqual(expected(glob));
      }
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it("are those of now, however often a folder changes", async () => {
    const glob = join(folder, "*", "*.log");
    await mkdir(join(folder, "x"));
    const now = vi.spyOn(Date, "now");
    const long = new Date(Date.now() - 60_000);
    const names = async () => (await globFiles(glob)).map((path) => path.slice(folder.length + 1));
    for (let round = 0; round < 20; round++) {
      await writeFile(join(folder, "x", `${round}.log`), "");
      if (round % 2 === 0) {
        // As if the folder had been left alone for long: its entries are kept.
        await utimes(join(folder, "x"), long, new Date(+long + round));
        now.mockReturnValue(+long + 120_000);
      }
      expect(await names()).toContain(`x/${round}.log`);
      expect(await names()).toHaveLength(1);
      now.mockReturnValue(+long + 60_000);
      await rename(join(folder, "x", `${round}.log`), join(folder, "x", "old"));
      expect(await names()).toEqual([]);
    }
  });

  it("are those of now, also where a folder gets its old time of change back", async () => {
    const long = new Date(Date.now() - 60_000);
    const glob = join(folder, "*.log");
    for (const name of ["a.log", "b.log", "c.log"]) {
      await writeFile(join(folder, name), "");
      // As what copies files does when it is done.
      await utimes(folder, long, long);
      expect(await globFiles(glob)).toContain(join(folder, name));
    }
  });

  it("are those of now in folders whose times say nothing", async () => {
    const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"]);
    try {
      const glob = "/proc/[0-9]*/comm";
      const path = `/proc/${child.pid ?? 0}/comm`;
      expect(await globFiles(glob)).toContain(path);
      const exit = once(child, "exit");
      child.kill();
      await exit;
      expect(await globFiles(glob)).not.toContain(path);
      const next = spawn(process.execPath, ["--eval", ""]);
      const nextExit = once(next, "exit");
      expect(await globFiles(glob)).toContain(`/proc/${next.pid ?? 0}/comm`);
      await nextExit;
    } finally {
      child.kill();
    }
  });

  it("are none in folders that are not there, and one where the pattern is a path", async () => {
    expect(await globFiles(join(folder, "none", "*.log"))).toEqual([]);
    expect(await globFiles(join(folder, "a.log"))).toEqual([]);
    await writeFile(join(folder, "a.log"), "");
    expect(await globFiles(join(folder, "a.log"))).toEqual([join(folder, "a.log")]);
    expect(await globFiles(join(folder, "a.log", "*"))).toEqual([]);
  });
});
