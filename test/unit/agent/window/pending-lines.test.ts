import { describe, expect, it } from "vitest";
import { type LineLimits, PendingLines } from "../../../../agent/window/pending-lines.ts";

let nowMs = 0;

function pendingOf(limits: Partial<LineLimits> = {}): PendingLines {
  nowMs = 0;
  const all = { lineRate: 10, byteRate: 1e6, sampleOf: 1, ...limits };
  return new PendingLines("web-1", all, () => nowMs);
}

function add(pending: PendingLines, service: string, from: number, count: number): void {
  for (let index = from; index < from + count; index++) {
    const line = { stream: "s", source: "app", file: 1, generation: 0, offset: index * 10 };
    const place = { ...line, timeMs: index, service, level: "ERROR" as const };
    pending.add(place, 20, () => `line ${index}`);
  }
}

function countsOf(pending: PendingLines, isShedding = false) {
  const { lines, entries } = pending.take(isShedding);
  const counts: Record<string, number> = {};
  for (const { service } of lines) counts[service] = (counts[service] ?? 0) + 1;
  const ledger = Object.fromEntries(entries.map((entry) => [entry.kind + entry.reason, entry]));
  const lineSum = (name: string) => ledger[name]?.lines ?? 0;
  const byteSum = (name: string) => ledger[name]?.bytes ?? 0;
  const shed = Object.keys(ledger).filter((name) => name.startsWith("lines_shed"));
  const sum = (of: (name: string) => number) =>
    shed.reduce((total, name) => total + of(name), of("lines_sent"));
  expect(lineSum("lines_selected")).toBe(sum(lineSum));
  expect(byteSum("lines_selected")).toBe(sum(byteSum));
  return { lines, counts, shed, lineSum };
}

describe("raw lines that wait", () => {
  it("are all sent while there are few, in the order in which they stand, each for itself", () => {
    const pending = pendingOf();
    add(pending, "b", 10, 5);
    add(pending, "a", 0, 5);
    const { lines, shed } = countsOf(pending);
    expect(lines.map(({ line }) => line)).toEqual(
      [0, 1, 2, 3, 4, 10, 11, 12, 13, 14].map((index) => `line ${index}`),
    );
    expect(lines.every(({ weight }) => weight === 1)).toBe(true);
    expect(shed).toEqual([]);
    expect(pending.bytes).toBe(0);
  });

  it("of more services than can be told apart share as one service", () => {
    const pending = pendingOf({ lineRate: 200 });
    for (let index = 0; index < 5000; index++) add(pending, `id-${index}`, index, 1);
    const { lines } = countsOf(pending);
    expect(lines).toHaveLength(2000);
    expect(lines.map(({ service }) => service)).toContain("id-0");
    expect(lines.filter(({ weight }) => weight === 4)).toHaveLength(1000);
    expect(lines.reduce((sum, { weight }) => sum + weight, 0)).toBe(5000);
  });

  it("share a rate fairly: no service hides another, and each line says how many it stands for", () => {
    const pending = pendingOf();
    add(pending, "loud", 0, 5000);
    add(pending, "quiet", 10_000, 10);
    add(pending, "middle", 20_000, 60);
    const { lines, counts, lineSum } = countsOf(pending);
    expect(counts).toEqual({ loud: 45, quiet: 10, middle: 45 });
    expect(lineSum("lines_shedrate_limited")).toBe(5070 - 100);
    const stands = lines.filter(({ service }) => service === "loud");
    expect(stands[0]?.weight).toBeCloseTo(5000 / 45);
    expect(lines.find(({ service }) => service === "quiet")?.weight).toBe(1);
  });

  it("have a rate in bytes, too", () => {
    const pending = pendingOf({ lineRate: 1e6, byteRate: 400 });
    add(pending, "a", 0, 1000);
    const { lines } = countsOf(pending);
    // 32 and the text of 6 to 8 bytes each.
    expect(lines.length).toBeGreaterThan(90);
    expect(lines.length).toBeLessThanOrEqual(4000 / 38);
  });

  it("may be as many more as time has passed, and no more than were saved up", () => {
    const pending = pendingOf();
    add(pending, "a", 0, 500);
    expect(countsOf(pending).counts).toEqual({ a: 100 });
    add(pending, "a", 500, 500);
    expect(countsOf(pending).counts).toEqual({});
    nowMs = 3000;
    add(pending, "a", 1000, 500);
    expect(countsOf(pending).counts).toEqual({ a: 30 });
    nowMs = 1e9;
    add(pending, "a", 2000, 500);
    expect(countsOf(pending).counts).toEqual({ a: 100 });
  });

  it("are chosen by chance that is always the same", () => {
    const choice = () => {
      const pending = pendingOf();
      add(pending, "a", 0, 1000);
      return pending.take(false).lines.map(({ offset }) => offset);
    };
    expect(choice()).toEqual(choice());
    expect(Math.max(...choice())).toBeGreaterThan(5000);
  });

  it("are sampled, which their weight says", () => {
    const pending = pendingOf({ lineRate: 1e6, sampleOf: 10 });
    add(pending, "a", 0, 10_000);
    const { lines, lineSum } = countsOf(pending);
    expect(lines.length).toBeGreaterThan(850);
    expect(lines.length).toBeLessThan(1150);
    expect(lineSum("lines_shedsampled")).toBe(10_000 - lines.length);
    const total = lines.reduce((sum, { weight }) => sum + weight, 0);
    expect(total).toBeCloseTo(10_000);
  });

  it("are all shed while the spool is full, and counted", () => {
    const pending = pendingOf();
    add(pending, "a", 0, 50);
    const { lines, shed } = countsOf(pending, true);
    expect(lines).toEqual([]);
    expect(shed).toEqual(["lines_shedspool_full"]);
  });

  it("of which nothing may leave are counted, too", () => {
    const pending = pendingOf();
    const place = { stream: "s", source: "app", file: 1, generation: 0, offset: 0, timeMs: 0 };
    pending.add({ ...place, service: "a", level: "ERROR" }, 20, () => undefined);
    expect(countsOf(pending).shed).toEqual(["lines_shedredacted"]);
  });

  it("never wait beyond their bound, however many come between two seals", () => {
    const pending = pendingOf();
    let most = 0;
    for (let at = 0; at < 20_000; at += 100) {
      add(pending, `s${at % 700}`, at, 100);
      most = Math.max(most, pending.bytes);
    }
    expect(most).toBeLessThan(100 * 2 * 48 + 48);
  });
});
