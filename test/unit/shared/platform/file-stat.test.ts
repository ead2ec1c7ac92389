import { lstatSync, mkdtempSync, rmSync, Stats, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { exactFileStat, fileStat, isSameLook } from "../../../../shared/platform/file-stat.ts";

const folder = mkdtempSync(join(tmpdir(), "tailrace-stat-"));
const path = join(folder, "a");
writeFileSync(path, "hello");
afterAll(() => rmSync(folder, { recursive: true }));

/** What the system says of the file, but for some fields. */
function found(changes: Partial<Stats> = {}): Stats {
  const stats: Stats = Object.assign(Object.create(Stats.prototype), lstatSync(path));
  return Object.assign(stats, changes);
}

describe("the numbers of a stat", () => {
  it("say what whole numbers without bound say, or nothing", () => {
    const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });
    const near = fc.constantFrom(0, 1, 119, 122, 999_999, 1_000_000, 999_999_878, 999_999_999);
    let exactCount = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e9 }), fc.oneof(nanoseconds, near), (seconds, ns) => {
        const ms = seconds * 1000 + ns / 1e6;
        const said = exactFileStat(found({ mtimeMs: ms, birthtimeMs: ms }));
        if (said === undefined) return;
        exactCount++;
        const whole = seconds * 1000 + Math.floor(ns / 1e6);
        expect(said).toMatchObject({ modifiedMs: whole, birthMs: whole });
      }),
    );
    expect(exactCount).toBeGreaterThan(30);
  });

  it("of a file are those of its path", () => {
    // Not on a whole millisecond.
    utimesSync(path, 1_700_000_000.1234, 1_700_000_000.1234);
    const said = exactFileStat(found({ birthtimeMs: 1_700_000_000_123.4 }));
    const whole = { ...fileStat(lstatSync(path, { bigint: true })), birthMs: 1_700_000_000_123 };
    expect(said).toEqual(whole);
  });

  it("say nothing of what has more bits than they", () => {
    const times = { mtimeMs: 1_700_000_000_123.4, birthtimeMs: 1_700_000_000_123.4 };
    expect(exactFileStat(found(times))).toBeDefined();
    expect(exactFileStat(found({ ...times, ino: 2 ** 53 }))).toBeUndefined();
    expect(exactFileStat(found({ ...times, birthtimeMs: 0 }))).toBeUndefined();
  });

  it("are the same look only when all of them are, and exact", () => {
    expect(isSameLook(found(), found())).toBe(true);
    for (const change of [{ ino: 1 }, { size: 9 }, { ctimeMs: 1.5 }, { mtimeMs: 1.5 }, { mode: 1 }])
      expect(isSameLook(found(), found(change)), JSON.stringify(change)).toBe(false);
    expect(isSameLook(found({ ino: 2 ** 53 }), found({ ino: 2 ** 53 }))).toBe(false);
  });
});
