import { dirname, extname } from "node:path";
import { z } from "zod";
import { present } from "../../shared/assert.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { DiskFile } from "../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import {
  defineSink,
  RESULT_KINDS,
  type Result,
  type ResultKind,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WriteReport,
} from "./sink.ts";

/**
 * Appends the newest revision of each changed window, or each alert or raw line, to a file, one JSON object a line. The length after each write is kept with the cursor,
 * and the file is cut to it when the sink opens: what a crash left behind the cursor is written again, and nothing stands there twice.
 * Where stage 2 has several partitions each has a file of its own, since each has a cursor: `windows.p3.ndjson`.
 */
export const sink = defineSink({
  summary: "Appends every revision of every window, or every alert, to a file of JSON lines.",
  delivery: "exactly_once",
  windowMinutes: 1,
  config: z
    .strictObject({
      ...sinkSettings("file"),
      path: z
        .string()
        .min(1)
        .optional()
        .meta({
          description: "The file for windows; made when absent, with its folders.",
          examples: ["windows.ndjson"],
        }),
      alerts_path: z
        .string()
        .min(1)
        .optional()
        .meta({ description: "The file for alerts.", examples: ["alerts.ndjson"] }),
      lines_path: z
        .string()
        .min(1)
        .optional()
        .meta({ description: "The file for raw lines.", examples: ["lines.ndjson"] }),
    })
    .check(({ value, issues }) => {
      if ((value.path ?? value.alerts_path ?? value.lines_path) !== undefined) return;
      const message = "expected a path for windows, an alerts_path or a lines_path";
      issues.push({ code: "custom", message, path: ["path"], input: value });
    }),
  results: (config) => RESULT_KINDS.filter((kind) => pathFor(kind, config) !== undefined),
  files: (config) =>
    (["path", "alerts_path", "lines_path"] as const).flatMap((key) => {
      const path = config[key];
      return path === undefined ? [] : [{ key, path }];
    }),
  open: (config, context) =>
    openFileSink(present(pathFor(context.results, config), "the path of the file"), context),
});

function pathFor(
  kind: ResultKind,
  config: { readonly [Key in "path" | "alerts_path" | "lines_path"]?: string | undefined },
): string | undefined {
  if (kind === "lines") return config.lines_path;
  return kind === "windows" ? config.path : config.alerts_path;
}

/** The file of one partition. */
function partitionPath(path: string, partition: number | undefined): string {
  if (partition === undefined) return path;
  const ending = extname(path);
  return `${path.slice(0, path.length - ending.length)}.p${partition}${ending}`;
}

async function openFileSink(configuredPath: string, context: SinkContext): Promise<Sink> {
  const path = partitionPath(configuredPath, context.partition);
  const { disk } = context.platform;
  const folder = dirname(path);
  await makeDurableDirectory(disk, folder);
  const file = await disk.open(path, "write");
  try {
    await disk.syncDirectory(folder);
    const bytes = await cutToPosition(file, path, context);
    return new FileSink(file, path, bytes);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Cuts what is behind the cursor and resolves with the length that stays. */
async function cutToPosition(file: DiskFile, path: string, context: SinkContext): Promise<number> {
  const { bytes } = await file.stat();
  // A file that the sink never wrote to belongs to somebody else until now: it is kept, and its own lines follow.
  const kept = context.position === undefined ? bytes : Number.parseInt(context.position, 10);
  if (bytes < kept) {
    context.logger.warn("the sink's file is shorter than it was left; going on at its end", {
      sink: context.name,
      path,
      bytes,
      bytesBefore: kept,
    });
    return bytes;
  }
  if (bytes > kept) {
    await file.truncate(kept);
    await file.sync();
  }
  return kept;
}

class FileSink implements Sink {
  readonly #file: DiskFile;
  readonly #path: string;
  #bytes: number;
  /** True when bytes may stand beyond `#bytes`. */
  #isTorn = false;

  constructor(file: DiskFile, path: string, bytes: number) {
    this.#file = file;
    this.#path = path;
    this.#bytes = bytes;
  }

  get position(): string {
    return String(this.#bytes);
  }

  async write(results: readonly Result[]): Promise<WriteReport> {
    const text = Buffer.from(results.map((result) => `${result.json}\n`).join(""));
    try {
      if (this.#isTorn) await this.#file.truncate(this.#bytes);
      this.#isTorn = true;
      await this.#file.write(text, this.#bytes);
      await this.#file.sync();
    } catch (cause) {
      throw new TailraceError("SINK_FAILED", `Cannot write to ${this.#path}.`, {
        cause,
        facts: { path: this.#path, bytes: this.#bytes },
      });
    }
    this.#isTorn = false;
    this.#bytes += text.length;
    return { failures: [] };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
