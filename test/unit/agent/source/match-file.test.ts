import { describe, expect, it } from "vitest";
import { fingerprintOf } from "../../../../agent/source/fingerprint.ts";
import { guardBefore } from "../../../../agent/source/guard.ts";
import {
  type Candidate,
  compareContent,
  type KnownFile,
  matchFile,
} from "../../../../agent/source/match-file.ts";

const content = Buffer.from("line of a log\n".repeat(200));

const known: KnownFile = {
  path: "/l/x.log",
  names: new Set(["/l/x.log"]),
  device: "1",
  inode: "10",
  birthMs: 5_000,
  fingerprint: fingerprintOf(content),
  head: undefined,
  offset: 1_400,
  guard: guardBefore(content, 1_400),
  provenMs: 7_000,
};

function candidate(changes: Partial<Candidate<KnownFile>> = {}): Candidate<KnownFile> {
  const isReplaced = false;
  return { known, content: "whole", isElsewhere: false, wasCopy: false, isReplaced, ...changes };
}

const seen = {
  path: "/l/x.log",
  device: "1",
  inode: "10",
  birthMs: 5_000,
  modifiedMs: 7_000,
  bytes: 2_000,
};
const copy = { ...seen, path: "/l/x.log.1", inode: "11", birthMs: 6_000 };

describe("compareContent", () => {
  const probe = (bytes: Buffer, offset = known.offset) => ({
    bytes: bytes.length,
    head: bytes.subarray(0, 1_024),
    beforeOffset: bytes.subarray(offset - 256, offset),
  });

  it("finds all that was read, its beginning, or something else", () => {
    expect(compareContent(known, probe(content))).toBe("whole");
    expect(compareContent(known, probe(content.subarray(0, 1_400)))).toBe("whole");
    expect(compareContent(known, probe(content.subarray(0, 1_399)))).toBe("beginning");
    expect(compareContent(known, probe(Buffer.from("other".repeat(500))))).toBe("other");
    const rewritten = Buffer.from(content);
    rewritten[1_390] = 0;
    expect(compareContent(known, probe(rewritten))).toBe("other");
  });

  it("compares what is shorter than the fingerprint only when the bytes are at hand", () => {
    const short = probe(content.subarray(0, 100));
    expect(compareContent(known, short)).toBe("other");
    const head = content.subarray(0, 1_024);
    expect(compareContent({ ...known, head }, short)).toBe("beginning");
    expect(compareContent({ ...known, head }, probe(Buffer.from("no")))).toBe("other");
  });
});

describe("matchFile", () => {
  it("takes device and inode with fitting content for the same file, under any name", () => {
    expect(matchFile({ ...seen, path: "/l/y" }, [candidate()]).kind).toBe("same");
  });

  it("takes an inode with fitting content for the same file when the device's number changed", () => {
    expect(matchFile({ ...seen, device: "2" }, [candidate()]).kind).toBe("same");
    expect(matchFile({ ...seen, device: "2" }, [candidate({ content: "other" })]).kind).toBe("new");
  });

  it("tells a rewritten file from a new one that got its inode, by the birth", () => {
    const other = candidate({ content: "other" });
    expect(matchFile(seen, [other]).kind).toBe("rewritten");
    expect(matchFile({ ...seen, birthMs: undefined }, [other]).kind).toBe("rewritten");
    expect(matchFile({ ...seen, birthMs: 9_000 }, [other]).kind).toBe("new");
    expect(matchFile({ ...seen, birthMs: 9_000 }, [candidate()]).kind).toBe("new");
  });

  it("goes on in a copy with a rotation ending when the original's content is gone", () => {
    expect(matchFile(copy, [candidate()]).kind).toBe("continues");
    expect(matchFile(copy, [candidate({ content: "beginning" })]).kind).toBe("read-copy");
    expect(matchFile(copy, [candidate({ content: "other" })]).kind).toBe("new");
  });

  it("takes what lacks bytes that were read, and was changed after that, for a later generation", () => {
    const shorter = candidate({ content: "beginning" });
    const later = { ...copy, modifiedMs: 7_001 };
    expect(matchFile(later, [shorter]).kind).toBe("new");
    expect(matchFile(later, [candidate()]).kind).toBe("continues");
    const unproven = { ...shorter, known: { ...known, provenMs: undefined } };
    expect(matchFile(later, [unproven]).kind).toBe("read-copy");
  });

  it("takes a copy of what is still there for a copy", () => {
    expect(matchFile(copy, [candidate({ isElsewhere: true, content: "beginning" })]).kind).toBe(
      "copy",
    );
  });

  it("takes equal content under another name, or born before, for a file of its own", () => {
    expect(matchFile({ ...copy, path: "/l/y.log" }, [candidate()]).kind).toBe("new");
    expect(matchFile({ ...copy, birthMs: 4_000 }, [candidate()]).kind).toBe("new");
    expect(matchFile({ ...copy, path: "/l/y.log" }, [candidate({ wasCopy: true })]).kind).toBe(
      "continues",
    );
  });

  it("does not go by the inode of a file that is known to have lost it", () => {
    const replaced = candidate({ isReplaced: true, content: "other" });
    expect(matchFile(seen, [replaced]).kind).toBe("new");
    const original = { ...known, inode: "77" };
    const copied = candidate({ known: original, isElsewhere: true, content: "beginning" });
    expect(matchFile({ ...copy, inode: "10" }, [replaced, copied]).kind).toBe("copy");
  });

  it("takes what fits nothing for new", () => {
    expect(matchFile(copy, [])).toEqual({ kind: "new" });
  });
});
