import { join } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Disk, DiskFile } from "../../shared/platform/disk.ts";

/** Something that somebody changed, or was not let to. */
export interface AuditEntry {
  readonly time: string;
  /** On whose behalf. */
  readonly who: string;
  readonly address: string;
  /** Such as `POST /v1/sinks/replay`. */
  readonly action: string;
  readonly status: number;
  /** What exactly; never a secret. */
  readonly detail: string;
}

const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** The file `audit.ndjson` of an aggregator's data directory; FORMAT.md shows it. A disk that fails stops no change, but is told. */
export class AuditLog {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #logger: Logger;
  #file: DiskFile | undefined;
  #bytes = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(disk: Disk, directory: string, logger: Logger) {
    this.#disk = disk;
    this.#path = join(directory, "audit.ndjson");
    this.#logger = logger;
  }

  /** Adds an entry; resolves when it is on disk. */
  append(entry: AuditEntry): Promise<void> {
    this.#turn = this.#turn.then(() => this.#write(entry));
    return this.#turn;
  }

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(entry: AuditEntry): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    try {
      const file = await this.#open(line.length);
      await file.write(line, this.#bytes);
      await file.sync();
      this.#bytes += line.length;
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      this.#logger.error("a change is not in the audit log", { ...entry, code });
    }
  }

  async #open(bytes: number): Promise<DiskFile> {
    if (this.#file === undefined) {
      this.#file = await this.#disk.open(this.#path, "private");
      this.#bytes = (await this.#file.stat()).bytes;
    }
    if (this.#bytes === 0 || this.#bytes + bytes <= FILE_BYTES_MAX) return this.#file;
    await this.#file.close();
    this.#file = undefined;
    await this.#disk.rename(this.#path, `${this.#path}.1`);
    return this.#open(bytes);
  }
}
