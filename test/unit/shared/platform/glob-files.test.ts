import { globSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemCode } from "../../../../shared/errors.ts";
import { globFiles } from "../../../../shared/platform/glob-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-glob-"));
});
afterEach(() => rm(folder, { recursive: true }));

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
    const long = new Date(Date.now() - 60_000);
    const names = async () => (await globFiles(glob)).map((path) => path.slice(folder.length + 1));
    for (let round = 0; round < 20; round++) {
      await writeFile(join(folder, "x", `${round}.log`), "");
      // The time of change of a folder that has been left alone for long; its entries are kept.
      if (round % 2 === 0) await utimes(join(folder, "x"), long, new Date(+long + round));
      expect(await names()).toContain(`x/${round}.log`);
      expect(await names()).toHaveLength(1);
      await rename(join(folder, "x", `${round}.log`), join(folder, "x", "old"));
      expect(await names()).toEqual([]);
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
