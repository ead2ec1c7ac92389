import { join } from "node:path";
import { systemCode, TailraceError } from "../shared/errors.ts";
import type { Logger } from "../shared/log.ts";
import type { Disk } from "../shared/platform/disk.ts";
import type { Platform } from "../shared/platform/platform.ts";
import { STATE_FILE } from "./backup/backup-folder.ts";
import { RESTORING_FILE } from "./backup/restore-backup.ts";
import type { AggregatorConfig } from "./config.ts";
import { openLocalLog } from "./log/local-log.ts";
import type { Log, StateChange } from "./log/log.ts";
import type { RangeOptions } from "./state/ordered-map.ts";
import { openSqliteStore } from "./state/sqlite-store.ts";
import type { StateStore } from "./state/state-store.ts";

/** Log and store of an aggregator that needs no other servers. */
export interface Embedded {
  readonly log: Log;
  readonly store: StateStore;
  /** Copies the store as of one commit to a path where no file is, while it goes on to be used. Not durable. */
  readonly copyState: (path: string) => Promise<void>;
  /** Closes both; after the aggregator. */
  close(): Promise<void>;
}

/**
 * Opens the data directory, made when absent. Fails with LOCK_HELD when another process uses it, RESTORE_UNFINISHED when a restore was
 * interrupted, and with FORMAT_UNKNOWN, LOG_CORRUPT, STORE_FAILED or DISK_FAILED. `onFailed` is called when the disk failed so that log or store can only be closed and opened anew.
 */
export async function openEmbedded(
  platform: Platform,
  config: AggregatorConfig,
  parts: { readonly logger: Logger; readonly onFailed: (error: unknown) => void },
): Promise<Embedded> {
  const { logger, onFailed } = parts;
  await checkRestored(platform.disk, config.dataDir);
  const opened = await openSqliteStore(platform.disk, join(config.dataDir, STATE_FILE));
  const store = new WatchedStore(opened, onFailed);
  try {
    const directory = join(config.dataDir, "log");
    const bytesMax = config.limits.logBytesMax;
    const log = await openLocalLog(platform, { directory, store, logger, bytesMax, onFailed });
    const close = async () => {
      await log.close();
      await store.close();
    };
    return { log, store, copyState: (target) => opened.backup(target), close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A state that was half restored is none. */
async function checkRestored(disk: Disk, dataDir: string): Promise<void> {
  try {
    await disk.stat(join(dataDir, RESTORING_FILE));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  throw new TailraceError(
    "RESTORE_UNFINISHED",
    `A restore into ${dataDir} was interrupted. Run it again: tailrace restore BACKUP --config FILE.`,
    { facts: { dataDir } },
  );
}

/** Tells of the first failed commit after which the store cannot even be read: it is closed for good. */
class WatchedStore implements StateStore {
  readonly #store: StateStore;
  readonly #onFailed: (error: unknown) => void;

  constructor(store: StateStore, onFailed: (error: unknown) => void) {
    this.#store = store;
    this.#onFailed = onFailed;
  }

  get(key: string): Buffer | undefined {
    return this.#store.get(key);
  }

  range(
    from: string,
    to: string,
    options?: RangeOptions,
  ): Iterable<readonly [key: string, value: Buffer]> {
    return this.#store.range(from, to, options);
  }

  async commit(changes: readonly StateChange[]): Promise<void> {
    try {
      await this.#store.commit(changes);
    } catch (error) {
      if (!this.#isReadable()) this.#onFailed(error);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #isReadable(): boolean {
    try {
      this.#store.get("agent/");
      return true;
    } catch {
      // What is wrong with it, the failed commit says.
      return false;
    }
  }
}
