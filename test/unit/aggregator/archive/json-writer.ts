import type { TableWriter } from "../../../../aggregator/archive/archiver.ts";
import type { FileContent } from "../../../../aggregator/archive/tables.ts";
import type { Disk } from "../../../../shared/platform/disk.ts";

/** Writes the files of an archive as JSON lines, in several writes, so that a crash leaves half of one. */
export class JsonWriter implements TableWriter {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async write(path: string, { rows }: FileContent): Promise<void> {
    const file = await this.#disk.open(path, "write");
    await file.truncate(0);
    let position = 0;
    for (const row of rows) {
      const bytes = Buffer.from(`${JSON.stringify(row.map(plain))}\n`);
      await file.write(bytes, position);
      position += bytes.length;
    }
    await file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

/** A cell as JSON can say it. */
export function plain(cell: unknown): unknown {
  if (typeof cell === "bigint") return String(cell);
  return Buffer.isBuffer(cell) ? cell.toString("hex") : cell;
}
