/** A running agent as the admin door shows it. */
import type { Disk } from "../../shared/platform/disk.ts";
import { type Checkpoint, isBalanced, type SealedRecord } from "../../shared/protocol/batch.ts";
import type { AdminHost } from "./admin-door.ts";
import type { ProblemMemory } from "./last-problem.ts";
import type { LineMeaning } from "./line-meaning.ts";
import { RateMeter } from "./rate-meter.ts";
import type { AgentProgress, StatusAnswer } from "./status.ts";

/** What the door needs of an agent. */
export interface Observed {
  status(): AgentProgress;
  files(): readonly Checkpoint[];
  sealedAfter(sequence: number, bytesMax: number): Promise<readonly SealedRecord[]>;
}

/** What does not change while the agent runs. */
export interface ObservedFacts {
  readonly disk: Disk;
  readonly processId: number;
  readonly startedAtMs: number;
  readonly problems: ProblemMemory;
}

/** What its configuration says. */
export interface ObservedSettings {
  readonly endpoints: readonly string[];
  readonly spoolBytesMax: number;
  /** By source. */
  readonly meanings: ReadonlyMap<string, LineMeaning>;
}

const FILES_MAX = 1000;
/** Reading goes round at least ten times a second. */
const STALL_MS = 30_000;

/** See the head of this file. */
export class ObservedAgent implements AdminHost {
  readonly disk: Disk;
  readonly #facts: ObservedFacts;
  readonly #bytes = new RateMeter();
  readonly #lines = new RateMeter();
  #agent: Observed;
  #settings: ObservedSettings;
  #turnCount = -1;
  #turnedAtMs = Number.NEGATIVE_INFINITY;
  #observedAtMs = Number.NEGATIVE_INFINITY;

  constructor(facts: ObservedFacts, agent: Observed, settings: ObservedSettings) {
    this.disk = facts.disk;
    this.#facts = facts;
    this.#agent = agent;
    this.#settings = settings;
  }

  /** From now on this agent is shown. */
  replace(agent: Observed, settings: ObservedSettings): void {
    this.#agent = agent;
    this.#settings = settings;
  }

  /** Takes a look for the rates; call it about once a second. `nowMs` never goes back. */
  observe(nowMs: number): void {
    const { readBytes, ledger, turnCount } = this.#agent.status();
    if (turnCount !== this.#turnCount) this.#turnedAtMs = nowMs;
    this.#turnCount = turnCount;
    this.#observedAtMs = nowMs;
    this.#bytes.note(readBytes, nowMs);
    let lines = 0;
    for (const entry of ledger) if (isBalanced(entry)) lines += entry.lines;
    this.#lines.note(lines, nowMs);
  }

  /** Why the agent makes no progress, as far as its own doing goes; undefined while it does. An aggregator that is away is none: the spool waits for it. */
  get stall(): string | undefined {
    const { isReady, mode, isSpoolFull } = this.#agent.status();
    if (mode === "fenced") return "another spool took over this agent's name: nothing is read";
    if (!isReady && mode === "sending") return "the disk of the spool fails";
    if (!isReady) return "no aggregator has answered yet: nothing is read before";
    if (isSpoolFull)
      return "the disk queue is full: nothing is read until an aggregator takes some";
    const stalledMs = this.#observedAtMs - this.#turnedAtMs;
    if (stalledMs < STALL_MS) return undefined;
    return `reading has not gone round for ${Math.round(stalledMs / 1000)} s`;
  }

  get sealedSequence(): number {
    return this.#agent.status().sealed;
  }

  files(): readonly Checkpoint[] {
    return this.#agent.files();
  }

  sealedAfter(sequence: number, bytesMax: number): Promise<readonly SealedRecord[]> {
    return this.#agent.sealedAfter(sequence, bytesMax);
  }

  show(source: string, line: Buffer): string {
    return this.#settings.meanings.get(source)?.shown(line) ?? "";
  }

  parse(source: string, line: Buffer): unknown {
    return this.#settings.meanings.get(source)?.of(line);
  }

  status(): StatusAnswer {
    const { processId, startedAtMs, problems } = this.#facts;
    const { endpoints, spoolBytesMax } = this.#settings;
    const { epoch, logId, sources, ledger, ...status } = this.#agent.status();
    const { agent, mode, isReady, sealed, accepted, applied } = status;
    const { spoolBytes, segmentCount, isSpoolFull, readBytes, damageCount } = status;
    const files = this.#agent.files();
    const { last } = problems;
    return {
      ...{ agent, mode, isReady, sealed, accepted, applied },
      ...{ spoolBytes, segmentCount, isSpoolFull, readBytes, damageCount },
      process: processId,
      startedAt: new Date(startedAtMs).toISOString(),
      ...(epoch === undefined ? {} : { epoch }),
      ...(logId === undefined ? {} : { logId }),
      spoolBytesMax,
      bytesPerSecond: this.#bytes.perSecond,
      linesPerSecond: this.#lines.perSecond,
      endpoints: [...endpoints],
      sources: [...sources],
      files: files.slice(0, FILES_MAX).map(({ source, file, path, generation, offset }) => ({
        ...{ source, file, path, generation, offset },
      })),
      fileCount: files.length,
      ledger: [...ledger],
      ...(last === undefined ? {} : { lastProblem: { ...last, facts: known(last.facts) } }),
    };
  }
}

function known(
  facts: Readonly<Record<string, string | number | boolean | undefined>>,
): Record<string, string | number | boolean> {
  const found: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) found[name] = value;
  return found;
}
