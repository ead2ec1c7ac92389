import { assert } from "../../shared/assert.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { StateStore } from "../state/state-store.ts";
import { checkCommit } from "./check-commit.ts";
import type { Commit, LogRecord, Owner, StateView, Topic } from "./log.ts";
import { positionChange, readPosition, withoutLogRows } from "./log-rows.ts";

/** What a {@link LocalOwner} is made of. */
export interface LocalOwnerOptions {
  readonly group: string;
  readonly store: StateStore;
  readonly onLost: () => void;
  /** Reads `batches`. */
  readonly read: (from: number, bytesMax: number, signal: AbortSignal) => Promise<LogRecord[]>;
}

/** The right to commit for a group of the embedded log. Another process cannot have it: the log's lock keeps it out. */
export class LocalOwner implements Owner {
  readonly state: StateView;
  readonly #options: LocalOwnerOptions;
  #position: number;
  #openCommit: Promise<void> | undefined;
  #end: "fenced" | "closed" | undefined;

  constructor(options: LocalOwnerOptions) {
    this.#options = options;
    this.#position = readPosition(options.store, options.group) ?? 0;
    this.state = withoutLogRows(options.store);
  }

  position(topic: Topic): number {
    return topic === "batches" ? this.#position : 0;
  }

  async read(
    topic: Topic,
    from: number,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<LogRecord[]> {
    assert(topic === "batches", "the embedded log stores only batches");
    this.#checkOwned();
    return this.#options.read(from, bytesMax, signal);
  }

  async commit(commit: Commit): Promise<void> {
    assert(this.#openCommit === undefined, "an owner has one open commit");
    assert(commit.records.length === 0, "the embedded log stores only what is appended to batches");
    checkCommit(commit, (topic) => this.position(topic));
    this.#checkOwned();
    const { group, store } = this.#options;
    const changes = [...commit.changes];
    let position = this.#position;
    for (const target of commit.positions) {
      assert(target.topic === "batches", "the embedded log stores only batches");
      position = target.position;
    }
    if (position !== this.#position) changes.push(positionChange(group, position));
    this.#openCommit = store.commit(changes);
    try {
      await this.#openCommit;
    } catch (cause) {
      throw new TailraceError(
        "LOG_UNKNOWN",
        "The state store did not say that a commit is durable. Own the partition again and look at its position.",
        { cause, facts: { group, position } },
      );
    } finally {
      this.#openCommit = undefined;
    }
    this.#position = position;
  }

  close(): Promise<void> {
    this.#end ??= "closed";
    return this.decided();
  }

  /** Takes the right away, when another owner comes. */
  fence(): void {
    if (this.#end !== undefined) return;
    this.#end = "fenced";
    this.#options.onLost();
  }

  /** Resolves when no commit is open. */
  async decided(): Promise<void> {
    await this.#openCommit?.catch(() => undefined);
  }

  #checkOwned(): void {
    if (this.#end === undefined) return;
    const what = this.#end === "fenced" ? "Another owner took over" : "This owner was closed for";
    throw new TailraceError("LOG_FENCED", `${what} the group ${this.#options.group}.`);
  }
}
