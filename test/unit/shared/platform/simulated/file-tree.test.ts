import { describe, expect, it } from "vitest";
import { FileTree } from "../../../../../shared/platform/simulated/file-tree.ts";
import { Prng } from "../../../../../shared/platform/simulated/prng.ts";

/** The names in `/d` that a power cut may leave, over many seeds; `/d` and its file `a` are durable. */
function afterCrash(change: (tree: FileTree) => void): Set<string> {
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const tree = new FileTree(new Prng(seed), () => 0);
    tree.addFolders("/d");
    tree.addFile("/d/a", false);
    tree.syncWay("/d");
    change(tree);
    tree.crash();
    outcomes.add([...tree.folder("/d", "list").entries.keys()].sort().join(" "));
  }
  return outcomes;
}

describe("the names of a simulated disk", () => {
  it("may lose a removal and keep a creation after it, or the other way round", () => {
    const outcomes = afterCrash((tree) => {
      tree.remove("/d/a");
      tree.addFile("/d/b", false);
    });
    expect(outcomes).toEqual(new Set(["", "a", "a b", "b"]));
  });

  it("have an inode each, also when a file is back whose number was given away", () => {
    let backCount = 0;
    for (let seed = 0; seed < 200; seed++) {
      const tree = new FileTree(new Prng(seed), () => 0);
      tree.addFolders("/d");
      tree.syncWay("/d");
      tree.addFile("/d/a", false);
      tree.remove("/d/a");
      tree.addFile("/d/b", true);
      tree.crash();
      const back = tree.find("/d/a");
      if (back === undefined) continue;
      backCount++;
      tree.addFile("/d/c", true);
      const inodes = tree.files("/d").map(({ node }) => node.inode);
      expect(new Set(inodes).size).toBe(inodes.length);
    }
    expect(backCount).toBeGreaterThan(0);
  });

  it("lose nothing of a folder that was synced", () => {
    const outcomes = afterCrash((tree) => {
      tree.remove("/d/a");
      tree.addFile("/d/b", false);
      tree.syncFolder("/d");
    });
    expect(outcomes).toEqual(new Set(["b"]));
  });

  it("keep no rename of a file whose creation is lost", () => {
    const outcomes = afterCrash((tree) => {
      tree.addFile("/d/b", false);
      tree.rename("/d/b", "/d/c");
    });
    expect(outcomes).toEqual(new Set(["a", "a b", "a c"]));
  });

  it("refuse what a file system refuses", () => {
    const tree = new FileTree(new Prng(1), () => 0);
    tree.addFolders("/d/e");
    tree.addFile("/f", false);
    expect(() => tree.addFile("/none/f", false)).toThrow("ENOENT");
    expect(() => tree.addFolders("/f/g")).toThrow("ENOTDIR");
    expect(() => tree.remove("/d")).toThrow("EISDIR");
    expect(() => tree.rename("/f", "/d")).toThrow("EISDIR");
    expect(() => tree.rename("/x", "/y")).toThrow("ENOENT");
  });
});
