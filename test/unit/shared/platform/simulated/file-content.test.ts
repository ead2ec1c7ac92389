import { describe, expect, it } from "vitest";
import { FileContent } from "../../../../../shared/platform/simulated/file-content.ts";
import { Prng } from "../../../../../shared/platform/simulated/prng.ts";

/** The texts that a crash may leave, over many seeds. */
function afterCrash(change: (content: FileContent) => void): Set<string> {
  const texts = new Set<string>();
  for (let seed = 0; seed < 400; seed++) {
    const content = new FileContent(false);
    content.write(0, Buffer.from("kept"));
    content.sync();
    change(content);
    content.crash(new Prng(seed));
    texts.add(content.view().toString("latin1"));
  }
  return texts;
}

describe("the content of a simulated file", () => {
  it("keeps what was synced through every crash", () => {
    expect(afterCrash(() => undefined)).toEqual(new Set(["kept"]));
  });

  it("loses, keeps or tears what was not synced", () => {
    const texts = afterCrash((content) => content.write(4, Buffer.from("new")));
    expect(texts).toContain("kept");
    expect(texts).toContain("keptnew");
    expect(texts).toContain("keptn");
    expect(texts).toContain("kept\0\0w");
  });

  it("may keep a later write without an earlier one", () => {
    const texts = afterCrash((content) => {
      content.write(4, Buffer.from("A"));
      content.write(5, Buffer.from("B"));
    });
    expect(texts).toContain("kept\0B");
  });

  it("never makes durable what a failed sync dropped, though it goes on showing it", () => {
    const texts = afterCrash((content) => {
      content.write(4, Buffer.from("lost"));
      content.failSync(new Prng(1));
      expect(content.view().toString("latin1")).toBe("keptlost");
      content.sync();
    });
    // One change, one throw of the dice: with this seed it never reaches the disk.
    expect(texts).toEqual(new Set(["kept"]));
  });

  it("shows changes at once and shortens and grows", () => {
    const content = new FileContent(false);
    content.write(2, Buffer.from("ab"));
    expect(content.view().toString("latin1")).toBe("\0\0ab");
    content.truncate(3);
    content.truncate(4);
    expect(content.view().toString("latin1")).toBe("\0\0a\0");
  });

  it("shows nothing of what was cut off when it grows over it again", () => {
    const content = new FileContent(false);
    content.write(0, Buffer.from("secret"));
    content.truncate(1);
    content.write(4, Buffer.from("x"));
    expect(content.view().toString("latin1")).toBe("s\0\0\0x");
    content.truncate(0);
    content.truncate(3);
    expect(content.view().toString("latin1")).toBe("\0\0\0");
  });
});
