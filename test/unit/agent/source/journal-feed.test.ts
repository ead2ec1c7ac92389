import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { JournalFeed } from "../../../../agent/source/journal-feed.ts";
import { type Processes, realProcesses } from "../../../../shared/platform/processes.ts";
import {
  noPrograms,
  ScriptedPrograms,
} from "../../../../shared/platform/simulated/scripted-programs.ts";
import { LiveRun } from "./live-setup.ts";

const DONE = { kind: "exited", code: 0, stderr: "" } as const;

function feedOn(processes: Processes, changes: object = {}): JournalFeed {
  return new JournalFeed({
    ...{ processes, program: "journalctl", operands: [], startAt: "beginning", once: false },
    ...{ lineBytesMax: 10_000, ...changes },
    logger: {
      error: () => undefined,
      warn: () => undefined,
      info: () => undefined,
      debug: () => undefined,
    },
  });
}

/** Entry number `n`, one microsecond after the one before. */
function entry(n: number): string {
  const micros = 1_795_168_800_000_000 + n;
  const cursor = `s=5;i=${n.toString(16)};b=7;m=1;t=${micros.toString(16)};x=9`;
  return `${JSON.stringify({ __CURSOR: cursor, __REALTIME_TIMESTAMP: String(micros), MESSAGE: `m${n}` })}\n`;
}

/** Number of an entry that takes more bytes than the first ones. */
const LONG = 10_000;

function cursorOf(n: number): string {
  const value: { __CURSOR: string } = JSON.parse(entry(n));
  return value.__CURSOR;
}

/** The numbers of the entries that were counted. */
function numbers(run: LiveRun): number[] {
  return run.counted.map((line) => Number(/"m(\d+)"/.exec(line)?.[1]));
}

/**
 * A journal that can lose its oldest entries and answers as journalctl does. It never follows: it ends, as when it is killed, and is started
 * again.
 */
class Journal {
  entries: number[] = [];
  isCursorKnown = true;
  readonly programs = new ScriptedPrograms((_, operands) => {
    const value = (name: string) =>
      operands.find((operand) => operand.startsWith(`--${name}=`))?.slice(name.length + 3);
    const after = value("after-cursor");
    if (after !== undefined && !this.isCursorKnown) {
      const stderr = "Failed to seek to cursor: Invalid argument\n";
      return { output: [], end: { kind: "exited", code: 1, stderr } };
    }
    const since = value("since");
    const from = after === undefined ? -1 : Number.parseInt(/t=(\w+)/.exec(after)?.[1] ?? "", 16);
    const shown = this.entries
      .filter((n) => 1_795_168_800_000_000 + n > from)
      .filter(
        (n) => since === undefined || 1_795_168_800_000_000 + n >= Number(since.slice(1)) * 1e6,
      )
      .slice(value("lines") === "1" ? -1 : 0);
    return { output: [Buffer.from(shown.map(entry).join(""))], end: DONE };
  });
}

async function turn(run: LiveRun): Promise<void> {
  run.nowMs += 5000;
  await run.source.discover();
  await run.settle();
  await run.read();
  run.store();
}

describe("the journal", () => {
  it("begins where it is told, and stores the cursor before a line is taken", async () => {
    const journal = new Journal();
    journal.entries = [1, 2, 3];
    const run = new LiveRun(feedOn(journal.programs, { startAt: "end" }));
    await run.source.discover();
    expect(run.source.checkpoints()).toMatchObject([{ path: "journal", inode: cursorOf(3) }]);
    await turn(run);
    journal.entries.push(4);
    await turn(run);
    expect(numbers(run)).toEqual([4]);
  });

  it("JRN-01 goes on behind the last sealed entry whatever ends, and shows none twice", async () => {
    const journal = new Journal();
    journal.entries = [1, 2];
    const run = new LiveRun(feedOn(journal.programs));
    await turn(run);
    expect(run.stored.get(7)).toMatchObject({ inode: cursorOf(2) });
    // Received, but not sealed when the agent dies.
    journal.entries.push(3);
    run.nowMs += 5000;
    await run.source.discover();
    await run.settle();
    await run.read();
    await run.restart(feedOn(journal.programs));
    journal.entries.push(4);
    await turn(run);
    await turn(run);
    expect(numbers(run)).toEqual([1, 2, 3, 4]);
    expect(run.offset).toBe([1, 2, 3, 4].map((n) => entry(n).length).reduce((a, b) => a + b));
  });

  it("JRN-01 goes on with the oldest entry that is left when the journal was vacuumed", async () => {
    const journal = new Journal();
    journal.entries = [1, 2];
    const run = new LiveRun(feedOn(journal.programs));
    await turn(run);
    journal.entries = [5, 6];
    await turn(run);
    expect(numbers(run)).toEqual([1, 2, 5, 6]);
  });

  it("JRN-01 goes on at the time of the last entry when its cursor is refused", async () => {
    const journal = new Journal();
    journal.entries = [1, 2];
    const run = new LiveRun(feedOn(journal.programs));
    await turn(run);
    journal.isCursorKnown = false;
    journal.entries = [1, 2, 3, 4];
    await turn(run);
    await turn(run);
    expect(numbers(run)).toEqual([1, 2, 3, 4]);
  });

  it("ends after one run with `once`, and rejects entries that are too long", async () => {
    const journal = new Journal();
    journal.entries = [1, 2];
    const feed = feedOn(journal.programs, { once: true, lineBytesMax: entry(1).length - 2 });
    const run = new LiveRun(feed, { once: true });
    await turn(run);
    await turn(run);
    expect(run.source.ended).toBe(true);
    expect(run.ledgerText).toEqual([`rejected too_long 2 ${2 * entry(1).length}`]);
    expect(journal.programs.starts[0]).not.toContain("--follow");
  });

  it("JRN-01 rejects an entry that is too long once, whatever ends behind it", async () => {
    const journal = new Journal();
    journal.entries = [1, LONG];
    const limits = { lineBytesMax: entry(LONG).length - 2 };
    const run = new LiveRun(feedOn(journal.programs, limits));
    await turn(run);
    expect(run.stored.get(7)).toMatchObject({ inode: cursorOf(LONG) });
    await turn(run);
    await run.restart(feedOn(journal.programs, limits));
    await turn(run);
    journal.isCursorKnown = false;
    journal.entries.push(LONG + 1);
    await turn(run);
    await turn(run);
    expect(numbers(run)).toEqual([1]);
    expect(run.ledgerText).toContain(`rejected too_long 2 ${2 * entry(LONG).length}`);
  });

  it("finds the cursor of an entry that is too long wherever it is cut", async () => {
    const text = JSON.stringify({ A: "a".repeat(200), __CURSOR: cursorOf(9), Z: "z".repeat(200) });
    for (let at = 0; at <= text.length; at += 7) {
      const output = [text.slice(0, at), text.slice(at), "\n"].map((piece) => Buffer.from(piece));
      const programs = new ScriptedPrograms(() => ({ output, end: DONE }));
      const run = new LiveRun(feedOn(programs, { lineBytesMax: 100 }));
      await turn(run);
      expect(run.stored.get(7), `cut at ${at}`).toMatchObject({ inode: cursorOf(9) });
      expect(run.ledgerText).toEqual([`rejected too_long 1 ${text.length + 1}`]);
    }
  });

  it("says what to do when journalctl is missing or fails", async () => {
    const run = new LiveRun(feedOn(noPrograms));
    await turn(run);
    await turn(run);
    expect(run.complaints).toEqual([
      "the source of type journald needs journalctl, which is not installed: install systemd, or set `command` to its path; it is tried again",
    ]);
    const failing = new ScriptedPrograms(() => ({
      output: [],
      end: { kind: "exited", code: 1, stderr: "No journal files were opened\n" },
    }));
    const other = new LiveRun(feedOn(failing, { startAt: "end" }));
    await turn(other);
    expect(other.complaints).toEqual([
      "journalctl ended: No journal files were opened; it is tried again",
    ]);
  });
});

describe("a real program in place of journalctl", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  it("JRN-01 is followed, stopped and started again behind the cursor", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tailrace-journal-"));
    folders.push(folder);
    const program = join(folder, "journalctl");
    writeFileSync(join(folder, "journal"), entry(1) + entry(2));
    writeFileSync(
      program,
      `#!/bin/sh
from=
for operand in "$@"; do
  case "$operand" in --after-cursor=*) from=\${operand#--after-cursor=} ;; esac
done
if [ -z "$from" ]; then cat "${folder}/journal"
else awk -v cursor="$from" 'found { print } index($0, cursor) { found = 1 }' "${folder}/journal"
fi
exec sleep 60
`,
    );
    chmodSync(program, 0o755);
    const run = new LiveRun(feedOn(realProcesses, { program }));
    const until = async (count: number) => {
      while (run.counted.length < count) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await run.follow();
      }
    };
    await until(2);
    writeFileSync(join(folder, "journal"), entry(1) + entry(2) + entry(3));
    await run.restart(feedOn(realProcesses, { program }));
    await until(3);
    await run.source.close();
    expect(numbers(run)).toEqual([1, 2, 3]);
  });
});
