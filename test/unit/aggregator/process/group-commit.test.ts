import { describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import { decodeKeyedEntry, type KeyedEntry } from "../../../../aggregator/log/keyed-entry.ts";
import type { Commit, Owner } from "../../../../aggregator/log/log.ts";
import { CollectSession } from "../../../../aggregator/process/collect-session.ts";
import { EmbeddedSession } from "../../../../aggregator/process/embedded-session.ts";
import { GroupCommit } from "../../../../aggregator/process/group-commit.ts";
import { WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import type { RuleSet } from "../../../../aggregator/rules/rule-set.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readProcessRow } from "../../../../aggregator/state/read-agents.ts";
import { delta, logRecord, report, SampleAgent, TEN, TEN_MS } from "../collect/sample-agent.ts";
import { alertsOf, CROWD, event, FRAUD, ruleSet } from "./sample-events.ts";

/** An owner over a store, whose commits fail from a given one on. */
class Owned implements Owner {
  readonly state = new MemoryStore();
  readonly entries: KeyedEntry[] = [];
  commitsLeft = Number.POSITIVE_INFINITY;
  commitCount = 0;

  position(): number {
    return 0;
  }

  read(): Promise<never[]> {
    return Promise.resolve([]);
  }

  async commit({ changes, records }: Commit): Promise<void> {
    if (this.commitsLeft-- <= 0) throw new Error("killed");
    this.commitCount++;
    await this.state.commit(changes);
    this.entries.push(...records.map(({ payload }) => decodeKeyedEntry(payload)));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const settings = (rules: RuleSet) => ({
  watermark: WATERMARK_DEFAULTS,
  windows: WINDOW_DEFAULTS,
  rules: () => rules,
});

const USERS = 4_000;

/** A batch whose windows and events need several commits: of each user two payments that are a fraud. */
function largeBatch(text = "") {
  const agent = new SampleAgent("web-1");
  const events = Array.from({ length: 2 * USERS }, (_, index) =>
    event(index, index < USERS ? 10 : 20, { userId: `user-${index % USERS}`, amount: 200, text }),
  );
  const deltas = Array.from({ length: 900 }, (_, index) => delta(`service-${index}`, TEN));
  const sources = report(TEN_MS + 100_000);
  return [agent.fence(1), agent.send({ events, deltas, sources })].map((entry, position) =>
    logRecord(position, TEN_MS, entry),
  );
}

describe("a group that needs several commits", () => {
  it("goes on behind the steps that are done, but for events when their routes changed", async () => {
    const owner = new Owned();
    const first = new GroupCommit(owner, "batches");
    first.routes = "a";
    expect(first.stepsDone(5)).toBe(0);
    await first.slice(7, 9, []);
    for (const [routes, done] of [
      ["a", 9],
      ["b", 5],
    ] as const) {
      const next = new GroupCommit(owner, "batches");
      next.routes = routes;
      expect(next.partial).toMatchObject({ through: 7 });
      expect(next.stepsDone(5)).toBe(done);
      expect(next.stepsDone(20)).toBe(9);
    }
  });

  it.each([1, 2])(
    "loses no event and doubles no window when rules change after commit %i",
    async (commits) => {
      const owner = new Owned();
      const records = largeBatch();
      owner.commitsLeft = commits;
      const crashed = new EmbeddedSession(owner, settings(ruleSet(FRAUD, CROWD)));
      await expect(crashed.apply(records)).rejects.toThrow("killed");
      owner.commitsLeft = Number.POSITIVE_INFINITY;
      const session = new EmbeddedSession(owner, settings(ruleSet(FRAUD)));
      await session.apply(records);
      while (session.hasHousekeeping) await session.housekeep();
      expect(owner.commitCount).toBeGreaterThan(commits + 1);
      expect(readProcessRow(owner.state).mergedLines).toBe(900);
      const frauds = alertsOf(owner.state).filter(({ rule }) => rule === "fraud");
      expect(new Set(frauds.map(({ json }) => JSON.parse(json).user)).size).toBe(USERS);
      expect(frauds).toHaveLength(USERS);
    },
  );

  it.each([1, 2])(
    "hands each window over once when rules change after commit %i",
    async (commits) => {
      const owner = new Owned();
      const records = largeBatch("x".repeat(500));
      const open = (rules: RuleSet) =>
        new CollectSession(owner, { partition: 0, keyedCount: 4, settings: settings(rules) });
      owner.commitsLeft = commits;
      await expect(open(ruleSet(FRAUD, CROWD)).apply(records)).rejects.toThrow("killed");
      owner.commitsLeft = Number.POSITIVE_INFINITY;
      await open(ruleSet(FRAUD)).apply(records);
      const deltas = owner.entries.flatMap((entry) =>
        entry.kind === "deltas" ? entry.deltas : [],
      );
      expect(deltas).toHaveLength(900);
      const users = owner.entries.flatMap((entry) =>
        entry.kind === "events" ? entry.events.filter(({ keyField }) => keyField === "userId") : [],
      );
      expect(new Set(users.map(({ event }) => event.offset)).size).toBe(2 * USERS);
    },
  );
});
