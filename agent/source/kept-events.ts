import type { TailedFile } from "./tailed-file.ts";

interface KeptEvent {
  readonly generation: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * Events that wait at the ends of files for more lines, as they were read: where a file is truncated meanwhile, nobody else has them any more.
 * Within a limit: what does not fit is read again like everything else, as long as it is there.
 */
export class KeptEvents {
  readonly #bytesMax: number;
  readonly #events = new Map<TailedFile, KeptEvent>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Keeps a copy of the event that begins at a file's offset, in place of what was kept of the file. */
  keep(file: TailedFile, event: Buffer): void {
    this.drop(file);
    if (event.length === 0 || this.#bytes + event.length > this.#bytesMax) return;
    const { generation, offset } = file;
    this.#events.set(file, { generation, offset, bytes: Buffer.from(event) });
    this.#bytes += event.length;
  }

  /** Takes the event that begins at a file's offset; undefined when none is kept. */
  take(file: TailedFile): Buffer | undefined {
    const kept = this.#events.get(file);
    this.drop(file);
    const isCurrent = kept?.generation === file.generation && kept.offset === file.offset;
    return isCurrent ? kept.bytes : undefined;
  }

  /** Lets go of what is kept of a file. */
  drop(file: TailedFile): void {
    this.#bytes -= this.#events.get(file)?.bytes.length ?? 0;
    this.#events.delete(file);
  }
}
