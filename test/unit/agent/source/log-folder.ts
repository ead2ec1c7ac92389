import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach } from "vitest";
import { FileSource, type FileSourceOptions } from "../../../../agent/source/file-source.ts";
import type { FileSourceSettings } from "../../../../agent/source/source-files.ts";
import type { WrappedLines } from "../../../../shared/events/parser.ts";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realGunzip } from "../../../../shared/platform/gunzip.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";
import type { ByteRange, Checkpoint, LedgerEntry } from "../../../../shared/protocol/batch.ts";
import { JoiningSink } from "./joining-sink.ts";
import { RecountingSink } from "./recounting-sink.ts";

/** How a test wants its source. */
export interface FollowOptions extends Partial<FileSourceSettings> {
  readonly startAt?: "beginning" | "end";
  readonly once?: boolean;
  readonly bufferBytes?: number;
  readonly disk?: Disk;
  /** Lines that begin an event; absent: each line is one. */
  readonly joins?: ((line: string) => boolean) | WrappedLines;
  /** With `joins`: what of an event is looked at. */
  readonly eventBytesMax?: number;
}

/** A temporary folder of real files, and a file source that follows them with a clock that the test moves. */
export class LogFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), "tailrace-source-"));
  /** Lines of all stored cuts. */
  readonly counted: string[] = [];
  /** Warnings and errors of the program's log. */
  readonly complaints: string[] = [];
  /** Last stored checkpoints by file number. */
  readonly stored = new Map<number, Checkpoint>();
  ledger: readonly LedgerEntry[] = [];
  nowMs = 1_000_000;
  /** What the clock on the wall is ahead of the one that never jumps. */
  skewMs = 0;
  sink: RecountingSink | JoiningSink = new RecountingSink();
  source: FileSource;
  private options: FollowOptions = {};

  constructor(options: FollowOptions = {}) {
    this.source = this.start(options);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  append(name: string, text: string | Buffer): void {
    appendFileSync(this.file(name), text);
  }

  /** As `logrotate` with `copytruncate`. */
  copyTruncate(name: string, copy: string): void {
    copyFileSync(this.file(name), this.file(copy));
    truncateSync(this.file(name), 0);
  }

  /** As `gzip` does it: the packed file keeps the time of the last change. */
  gzip(name: string): void {
    const { atime, mtime } = statSync(this.file(name));
    writeFileSync(this.file(`${name}.gz`), gzipSync(readFileSync(this.file(name))));
    utimesSync(this.file(`${name}.gz`), atime, mtime);
    rmSync(this.file(name));
  }

  /** Waits until a change gets a later time of change; file systems count them in steps of a few milliseconds. */
  async tick(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 12));
  }

  /** Looks, reads all there is, and stores the cut. */
  async follow(): Promise<void> {
    await this.source.discover();
    await this.readAll();
    this.store();
  }

  async readAll(): Promise<void> {
    while ((await this.source.read(1_000_000)) > 0);
  }

  /** Stores a cut, as the spool does. */
  store(): void {
    const { lines } = this.sink;
    const cut = this.source.cut();
    for (const line of lines) this.counted.push(line);
    for (const checkpoint of cut.checkpoints) this.stored.set(checkpoint.file, checkpoint);
    this.ledger = cut.ledger;
  }

  /** Dies and starts again from what was stored. */
  async restart(options: FollowOptions = this.options): Promise<void> {
    await this.source.close();
    this.source = this.start(options);
  }

  /** Lets `rotate_wait` pass. */
  async wait(): Promise<void> {
    this.nowMs += 11_000;
    await this.follow();
  }

  /** Makes a stored file hold ranges, as a recovery does. */
  hold(file: number, held: readonly ByteRange[]): void {
    const checkpoint = this.stored.get(file);
    if (checkpoint !== undefined) this.stored.set(file, { ...checkpoint, held });
  }

  /** Lines and bytes of one side of the ledger. */
  total(kind: string, reason = ""): [lines: number, bytes: number] {
    const entry = this.ledger.find((found) => found.kind === kind && found.reason === reason);
    return [entry?.lines ?? 0, entry?.bytes ?? 0];
  }

  /** Bytes on all sides of the ledger. */
  get ledgerBytes(): number {
    let bytes = 0;
    for (const entry of this.ledger) if (entry.kind !== "noted") bytes += entry.bytes;
    return bytes;
  }

  async close(): Promise<void> {
    await this.source.close();
    rmSync(this.path, { recursive: true });
  }

  private start(options: FollowOptions): FileSource {
    this.options = options;
    const { joins, eventBytesMax = 100_000 } = options;
    this.sink = joins === undefined ? new RecountingSink() : new JoiningSink(joins, eventBytesMax);
    let nextFile = Math.max(0, ...this.stored.keys()) + 1;
    const { startAt, once, bufferBytes, disk, ...settings } = options;
    const complain = (message: string) => this.complaints.push(message);
    const silent = () => undefined;
    const made: FileSourceOptions = {
      name: "app",
      settings: {
        paths: [this.file("*.log")],
        exclude: [],
        service: "app",
        lineBytesMax: 1_048_576,
        rotateWaitMs: 10_000,
        eventWaitMs: 1_000,
        idleAfterMs: 30_000,
        handleCountMax: 64,
        ...settings,
      },
      platform: {
        clock: { now: () => this.nowMs + this.skewMs, monotonic: () => this.nowMs },
        disk: disk ?? realDisk,
        gunzip: realGunzip,
      },
      counter: this.sink,
      checkpoints: [...this.stored.values()].filter((checkpoint) => !checkpoint.removed),
      ledger: this.ledger,
      allocateFile: () => nextFile++,
      startAt: startAt ?? "beginning",
      maxFutureMs: 600_000,
      once: once ?? false,
      logger: { error: complain, warn: complain, info: silent, debug: silent },
      bufferBytes: bufferBytes ?? 4_096,
    };
    return new FileSource(made);
  }
}

/** Gives every test of a file folders that are gone after it. */
export function folderOpener() {
  const folders: LogFolder[] = [];
  const open = (options: FollowOptions = {}): LogFolder => {
    const folder = new LogFolder(options);
    folders.push(folder);
    return folder;
  };
  afterEach(async () => {
    for (const folder of folders.splice(0)) await folder.close();
  });
  /** In a folder whose pattern finds rotated files too. */
  const openWithRotated = async (): Promise<LogFolder> => {
    const folder = open();
    await folder.restart({ paths: [folder.file("*.log*")] });
    return folder;
  };
  return { open, openWithRotated };
}

/** `count` lines of their own, from number `from` on. */
export function lines(name: string, from: number, count: number): string {
  let text = "";
  for (let number = from; number < from + count; number++) text += `${name} line ${number}\n`;
  return text;
}

/** The lines of a text without their ends. */
export function split(text: string): string[] {
  return text.split("\n").slice(0, -1);
}
