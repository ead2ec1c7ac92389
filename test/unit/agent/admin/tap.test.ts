import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineMeaning } from "../../../../agent/admin/line-meaning.ts";
import { type TapHost, takeSample } from "../../../../agent/admin/tap.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import { compileRedaction } from "../../../../shared/redaction/compile-redaction.ts";
import { redactionConfig } from "../../../../shared/redaction/redaction-config.ts";
import { MemoryDisk } from "../spool/memory-disk.ts";
import { digestsOf, filledSpool, sampleCheckpoint } from "../spool/sample-spool.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-tap-"));
  path = join(folder, "a.log");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const redactor = compileRedaction(redactionConfig.parse({}));

/** An agent that has counted the file up to `offset`. */
async function hostAt(offset: number): Promise<TapHost> {
  const { inode } = await realDisk.stat(path);
  const meaning = new LineMeaning("auto", "app", EVENT_OPTIONS_DEFAULT, redactor);
  return {
    disk: realDisk,
    files: () => [sampleCheckpoint({ path, inode, offset })],
    sealedSequence: 0,
    sealedAfter: async () => [],
    show: (_source, line) => meaning.shown(line),
    parse: (_source, line) => meaning.of(line),
  };
}

const LINES = ["one", "two", "three"].map(
  (text) => `{"time":"2026-11-20T10:00:00Z","message":"${text}"}\n`,
);

describe("a tap on lines", () => {
  it("begins where the agent is, and then tells every line up to where it has counted", async () => {
    await writeFile(path, LINES.join(""));
    const first = LINES[0]?.length ?? 0;
    const begun = await takeSample(await hostAt(first), { stage: "lines" });
    expect(begun.items).toEqual([]);
    const { items, positions } = await takeSample(await hostAt(LINES.join("").length), {
      stage: "lines",
      ...(begun.positions === undefined ? {} : { positions: begun.positions }),
    });
    expect(items).toEqual(
      LINES.slice(1).map((line) => ({ source: "app", path, line: line.trimEnd() })),
    );
    expect(positions).toEqual({ 0: LINES.join("").length });
  });

  it.each(["lines", "events"] as const)("shows no secret, of %s", async (stage) => {
    const secrets = ["password=hunter2", "4111 1111 1111 1111"];
    const line = `{"time":"2026-11-20T10:00:00Z","message":"${secrets.join()}","pwd":"letmein"}\n`;
    await writeFile(path, `${line}${secrets.join()}\n`);
    const end = Buffer.byteLength(line) + secrets.join().length + 1;
    const { items } = await takeSample(await hostAt(end), { stage, positions: { 0: 0 } });
    expect(items).toHaveLength(2);
    expect(JSON.stringify(items)).not.toMatch(/hunter2|4111|letmein/);
    expect(JSON.stringify(items)).toContain("[credential]");
  });

  it("passes over what is too much, says how much, and begins at a whole line", async () => {
    const line = `${"x".repeat(999)}\n`;
    await writeFile(path, line.repeat(200));
    const { items, skippedBytes } = await takeSample(await hostAt(200_000), {
      stage: "lines",
      positions: { 0: 0 },
    });
    expect(items.length).toBe(65);
    expect(skippedBytes).toBe(200_000 - 64 * 1024);
  });

  it("leaves out other sources, and a file that is another one by now", async () => {
    await writeFile(path, LINES.join(""));
    const host = await hostAt(LINES.join("").length);
    const positions = { 0: 0 };
    expect((await takeSample(host, { stage: "lines", source: "other", positions })).items).toEqual(
      [],
    );
    const replaced = { ...host, files: () => [sampleCheckpoint({ path, inode: "0", offset: 9 })] };
    expect((await takeSample(replaced, { stage: "lines", positions })).items).toEqual([]);
  });
});

describe("a tap on events", () => {
  it("tells what lines mean, and why others mean nothing", async () => {
    const text = `${LINES[0]}{"no":"time"}\n`;
    await writeFile(path, text);
    const { items } = await takeSample(await hostAt(text.length), {
      stage: "events",
      positions: { 0: 0 },
    });
    expect(items).toEqual([
      {
        source: "app",
        path,
        event: {
          time: "2026-11-20T10:00:00.000Z",
          service: "app",
          level: "INFO",
          message: "one",
          fields: {},
        },
      },
      { source: "app", path, event: { rejected: "no_time", line: '{"no":"time"}' } },
    ]);
  });
});

describe("a tap on windows", () => {
  it("tells the parts of windows in the records behind the one that was seen", async () => {
    const spool = await filledSpool(new MemoryDisk(), 3);
    await writeFile(path, "");
    const host: TapHost = {
      ...(await hostAt(0)),
      sealedSequence: 3,
      sealedAfter: (sequence, bytesMax) => spool.read(sequence + 1, bytesMax),
    };
    expect((await digestsOf(spool)).size).toBe(3);
    expect(await takeSample(host, { stage: "windows" })).toMatchObject({ items: [], sequence: 3 });
    const { items, sequence } = await takeSample(host, { stage: "windows", sequence: 1 });
    expect(sequence).toBe(3);
    expect(items).toMatchObject([
      { service: "s", requestCount: 1 },
      { service: "s", requestCount: 1 },
    ]);
  });
});
