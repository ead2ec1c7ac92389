import { describe, expect, it } from "vitest";
import {
  chainOf,
  isBeside,
  isForeignName,
  isLaterGeneration,
  isPackedName,
  isRotationElsewhere,
  isRotationOf,
  logNameOf,
} from "../../../../agent/source/rotation-name.ts";

describe("isRotationOf", () => {
  it.each([
    ".1",
    ".27",
    "-20261123",
    ".20261123",
    "-2026-11-23",
    ".2026-11-23",
    ".2026-11-23-16",
    "-20261123-1795433848",
    "-1795433848",
    ".2026-11-23.1",
    "_2026-11-23T16:00:00",
    ".2026-11",
    ".gz",
    ".1.gz",
    "-20261123.gz",
  ])("takes %s for a rotation ending", (ending) => {
    expect(isRotationOf(`/var/log/x.log${ending}`, "/var/log/x.log")).toBe(true);
  });

  it.each(["", ".", ".old2", ".1a", "-1", "1", "gz", ".gz.1", ".err", "x.1", "-error-2026"])(
    "does not take %j for one",
    (ending) => {
      expect(isRotationOf(`/var/log/x.log${ending}`, "/var/log/x.log")).toBe(false);
    },
  );

  it("wants the same folder and name", () => {
    expect(isRotationOf("/var/log/old/x.log.1", "/var/log/x.log")).toBe(false);
    expect(isRotationOf("/var/log/y.log.1", "/var/log/x.log")).toBe(false);
  });
});

describe("chainOf", () => {
  it.each([
    ["/l/x.log", "/l/x.log"],
    ["/l/x.log.1", "/l/x.log"],
    ["/l/x.log-20261123", "/l/x.log"],
    ["/l/x.log.2026-11-23.2", "/l/x.log"],
    ["/l/x-2026-11-23.log", "/l/x-2026-11-23.log"],
    ["/l.1/x.log", "/l.1/x.log"],
    ["/l/.1", "/l/.1"],
    ["/l/x.log.3.gz", "/l/x.log"],
    ["/l/x.log-20261123.gz", "/l/x.log"],
  ])("finds of %s what all generations have in common: %s", (path, chain) => {
    expect(chainOf(path)).toBe(chain);
  });
});

describe("isLaterGeneration", () => {
  const at = (path: string, modifiedMs: number, birthMs?: number) => ({
    path,
    modifiedMs,
    birthMs,
  });

  it("decides by the last change, unless the other was born earlier", () => {
    expect(isLaterGeneration(at("x.1", 20), at("x.2", 10))).toBe(true);
    expect(isLaterGeneration(at("x.1", 10), at("x.2", 20))).toBe(false);
    expect(isLaterGeneration(at("x.1", 20, 1), at("x.2", 10, 2))).toBe(false);
  });

  it("decides at a tie by birth, then by the number, which counts up what is older", () => {
    expect(isLaterGeneration(at("x.9", 10, 5), at("x.2", 10, 4))).toBe(true);
    expect(isLaterGeneration(at("x.1", 10), at("x.2", 10))).toBe(true);
    expect(isLaterGeneration(at("x.3", 10), at("x.2", 10))).toBe(false);
    expect(isLaterGeneration(at("x-20261124", 10), at("x-20261123", 10))).toBe(true);
  });

  it("does not take the birth of a packed file for that of what it holds", () => {
    expect(isLaterGeneration(at("x.1", 20, 1), at("x.2.gz", 10, 2))).toBe(true);
    expect(isLaterGeneration(at("x.3.gz", 20, 1), at("x.2", 10, 2))).toBe(false);
  });
});

describe("other folders", () => {
  it("hold rotated files of the same name with an ending", () => {
    expect(isRotationElsewhere("/l/old/x.log.1.gz", "/l/x.log")).toBe(true);
    expect(isRotationElsewhere("/l/x.log.1", "/l/x.log")).toBe(false);
    expect(isRotationElsewhere("/l/old/x.log", "/l/x.log")).toBe(false);
    expect(isRotationElsewhere("/l/old/y.log.1", "/l/x.log")).toBe(false);
  });

  it("are beside when they are right below", () => {
    expect(["/l/x.1", "/l/old/x.1"].every((path) => isBeside(path, "/l/x"))).toBe(true);
    expect(["/x.1", "/m/x.1", "/l/a/b/x.1"].some((path) => isBeside(path, "/l/x"))).toBe(false);
  });

  it("say nothing of the name of a log", () => {
    expect(logNameOf("/l/old/x.log-20261123.1.gz")).toBe("x.log");
    expect(logNameOf("/l.1/x.log")).toBe("x.log");
  });
});

describe("names of packed files", () => {
  it("end with .gz when they are read", () => {
    expect(["x.gz", "x.log.1.gz"].every(isPackedName)).toBe(true);
    expect(["x.log", "gz", "x.gz.log", "x.zst"].some(isPackedName)).toBe(false);
  });

  it("end with what other packers write when they are not", () => {
    expect(["x.log.1.zst", "x.bz2", "x.xz"].every(isForeignName)).toBe(true);
    expect(["x.log", "zst", "x.xz.log", "x.gz"].some(isForeignName)).toBe(false);
  });
});
