import { describe, expect, it } from "vitest";
import { ROTATED_BY, type Rotation } from "./rotate-logs.ts";
import { type RotationRunOptions, rotationRun } from "./rotation-run.ts";

const LIMIT_MS = 180_000;
const LINE_COUNT = 4_000;

type Case = readonly [string, Rotation, Partial<RotationRunOptions>];

const isLong = process.env["TAILRACE_LONG"] === "1";
/** Each takes a quarter of a minute: the others are for long runs. */
const SHORT_RUN = [
  "create, packed one rotation later",
  "copytruncate, outside the patterns",
  "copytruncate and olddir",
  "faster than the agent looks",
];
const chosen = (cases: readonly Case[]) =>
  isLong ? cases : cases.filter(([name]) => SHORT_RUN.includes(name));

/** Lines that a program still writes into a file that was renamed stand in no file once that was packed: only the agent has read them. */
const RENAMED: readonly Case[] = [
  ["create, packed at once", { style: "create", packs: "at once" }, {}],
  [
    "create, packed at once, outside the patterns",
    { style: "create", packs: "at once" },
    { patterns: ["*.log"], reopens: "by inode" },
  ],
  ["create, packed one rotation later", { style: "create", packs: "delayed" }, {}],
  ["nocreate, packed at once", { style: "nocreate", packs: "at once" }, {}],
  [
    "nocreate, outside the patterns",
    { style: "nocreate", packs: "never" },
    { patterns: ["*.log"], reopens: "by inode" },
  ],
  [
    "dateext, packed at once",
    { style: "create", packs: "at once", hasDate: true },
    { pauseMs: 1_100, lineCount: 2 * LINE_COUNT },
  ],
  [
    "olddir, packed at once",
    { style: "create", packs: "at once", oldFolder: "old" },
    { patterns: ["*.log", "old/*.log*"] },
  ],
  [
    "olddir, packed at once, outside the patterns",
    { style: "create", packs: "at once", oldFolder: "old" },
    { patterns: ["*.log"] },
  ],
];

/** What comes between the copy and the truncation, logrotate itself discards. */
const COPIED: readonly Case[] = [
  ["copytruncate, packed at once", { style: "copytruncate", packs: "at once" }, {}],
  [
    "copytruncate, outside the patterns",
    { style: "copytruncate", packs: "never" },
    { patterns: ["*.log"] },
  ],
  [
    "copytruncate and olddir",
    { style: "copytruncate", packs: "at once", oldFolder: "old" },
    { patterns: ["*.log", "old/*.log*"] },
  ],
];

/** Several generations may come and be packed between two looks. */
const HASTY: readonly Case[] = [
  [
    "faster than the agent looks",
    { style: "create", packs: "at once" },
    { pauseMs: 40, isHasty: true },
  ],
];

async function runRotated(rotation: Rotation, changes: Partial<RotationRunOptions>) {
  const found = await run(rotation, changes);
  expect(found.rotationCount).toBeGreaterThan(2);
  return found;
}

function run(rotation: Rotation, changes: Partial<RotationRunOptions>) {
  const patterns = ["*.log*"];
  const usual = { reopens: "on signal", lineCount: LINE_COUNT, pauseMs: 200, patterns } as const;
  return rotationRun({ rotation, ...usual, ...changes });
}

describe(`a log that is rotated by ${ROTATED_BY} while a program writes it`, () => {
  it.each(chosen(RENAMED))(
    "%s: every line is counted once",
    { timeout: LIMIT_MS },
    async (...of) => {
      const [, rotation, changes] = of;
      const { ledger, agentLost, lost, doubled, stderr } = await runRotated(rotation, changes);
      expect({ agentLost, lost, doubled }, stderr).toEqual({
        ...{ agentLost: [], lost: [], doubled: [] },
      });
      const { lineCount = LINE_COUNT } = changes;
      expect(ledger.map(({ kind, lines }) => [kind, lines])).toEqual([["aggregated", lineCount]]);
    },
  );

  it.each(chosen(COPIED))(
    "%s: every line that is left is counted once",
    { timeout: LIMIT_MS },
    async (...of) => {
      const [, rotation, changes] = of;
      const { ledger, agentLost, lost, doubled, stderr } = await runRotated(rotation, changes);
      expect({ agentLost, doubled }, stderr).toEqual({ agentLost: [], doubled: [] });
      const counted = ledger.filter(({ kind }) => kind === "aggregated");
      expect(counted.map(({ lines }) => lines)).toEqual([LINE_COUNT - lost.length]);
      expect(ledger.filter(({ reason }) => reason === "gone_unread")).toEqual([]);
    },
  );

  it.each(chosen(HASTY))(
    "%s: what stands in a file is counted once",
    { timeout: LIMIT_MS },
    async (...of) => {
      const [, rotation, changes] = of;
      const { agentLost, doubled, stderr, ledger } = await run(rotation, changes);
      expect({ agentLost, doubled }, stderr).toEqual({ agentLost: [], doubled: [] });
      expect(ledger.filter(({ kind }) => kind === "lost")).toEqual([]);
    },
  );
});
