/**
 * The journal of systemd, read by `journalctl`: entries as lines of JSON, behind the cursor of the last one that is sealed. The cursor travels in
 * the record that has the counts, so that no entry is lost or counted twice, whatever ends: the agent, journalctl or the machine.
 *
 * A cursor whose entries were deleted leads to the oldest entry that is left. One that journalctl refuses is replaced by its time: entries
 * at or before that moment are not shown again.
 */
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Processes, RunningProgram } from "../../shared/platform/processes.ts";
import type { LineFeed, TakenLines } from "./line-feed.ts";
import { LineFramer } from "./line-framer.ts";
import { WaitingLines } from "./waiting-lines.ts";

/** What of the journal is read. */
export interface JournalFeedOptions {
  readonly processes: Processes;
  /** Name or path of journalctl. */
  readonly program: string;
  /** Units, identifiers and the folder, as operands of journalctl. */
  readonly operands: readonly string[];
  readonly startAt: "beginning" | "end";
  /** True to read what is there and end. */
  readonly once: boolean;
  readonly lineBytesMax: number;
  readonly logger: Logger;
}

/** Entries that wait; then journalctl has to. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** What is asked of each entry; cursor and time always come. */
const FIELDS = [
  "MESSAGE",
  "PRIORITY",
  "SYSLOG_IDENTIFIER",
  "_SYSTEMD_UNIT",
  "_SYSTEMD_USER_UNIT",
  "_COMM",
  "_PID",
  "_HOSTNAME",
  "_TRANSPORT",
  "CONTAINER_NAME",
].join(",");
const COMMON = ["--output=json", "--all", "--no-pager", "--quiet", `--output-fields=${FIELDS}`];
const CURSOR_KEY = Buffer.from('"__CURSOR"');
const QUOTE = 0x22;
/** Longer than any cursor with its key. */
const CURSOR_BYTES_MAX = 1024;

/** See the head of the file. */
export class JournalFeed implements LineFeed {
  readonly path = "journal";
  readonly #options: JournalFeedOptions;
  #waiting: WaitingLines | undefined;
  #wake: () => void = () => undefined;
  #program: RunningProgram | undefined;
  /** Cursor of the newest entry that was received. */
  #cursor = "";
  /** Entries at or before this moment, in microseconds, were received before the cursor was refused. */
  #seenUntilUs: bigint | undefined;
  /** Of an entry that is too long: the end of what was dropped so far, and the cursor in it. */
  #droppedEnd: Buffer = Buffer.alloc(0);
  #droppedCursor: string | undefined;
  #fault: TailraceError | undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(options: JournalFeedOptions) {
    this.#options = options;
  }

  get waitingBytes(): number {
    return this.#waiting?.bytes ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async open(position: string, wake: () => void): Promise<string> {
    this.#wake = wake;
    this.#waiting = new WaitingLines(WAITING_BYTES_MAX, wake);
    const isNew = position === "";
    const { startAt, once } = this.#options;
    this.#cursor = isNew && startAt === "end" && !once ? await this.#lastCursor() : position;
    this.#start();
    return this.#cursor;
  }

  async tend(): Promise<void> {
    const fault = this.#fault;
    if (this.#program === undefined && !this.#hasEnded && !this.#isClosed) this.#start();
    this.#fault = undefined;
    if (fault !== undefined) throw fault;
  }

  take(bytesMax: number): TakenLines {
    return this.#waiting?.take(bytesMax) ?? { bytes: Buffer.alloc(0), refused: [] };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting?.close();
    const program = this.#program;
    program?.stop();
    await program?.ended;
  }

  /** Where the journal ends now; empty when there is nothing in it. */
  async #lastCursor(): Promise<string> {
    const { processes, program, operands } = this.#options;
    const last = processes.start(program, [...COMMON, ...operands, "--lines=1"]);
    let cursor = "";
    for (let piece = await last.read(); piece !== undefined; piece = await last.read()) {
      cursor = cursorIn(piece) ?? cursor;
    }
    const { kind, code, stderr } = await last.ended;
    if (kind !== "exited" || code !== 0) throw this.#failure(kind, stderr);
    return cursor;
  }

  #start(): void {
    const { processes, program, operands, once } = this.#options;
    const from =
      this.#cursor === ""
        ? []
        : this.#seenUntilUs === undefined
          ? [`--after-cursor=${this.#cursor}`]
          : [`--since=@${this.#seenUntilUs / 1_000_000n}`];
    const follow = once ? [] : ["--follow", "--no-tail"];
    const running = processes.start(program, [...COMMON, ...operands, ...follow, ...from]);
    this.#program = running;
    void this.#receive(running);
  }

  async #receive(running: RunningProgram): Promise<void> {
    const framer = new LineFramer(this.#options.lineBytesMax, {
      lines: (bytes) => this.#take(bytes),
      dropped: (piece) => this.#drop(piece),
      tooLong: (bytes) => this.#refuse(bytes),
    });
    this.#forgetDropped();
    for (let piece = await running.read(); piece !== undefined; piece = await running.read()) {
      if (this.#isClosed) return;
      framer.push(piece);
      await this.#waiting?.room();
    }
    // An entry without its end is received again.
    const { kind, code, stderr } = await running.ended;
    this.#program = undefined;
    if (this.#isClosed) return;
    if (kind === "exited" && code === 0 && this.#options.once) this.#hasEnded = true;
    else if (/cursor/i.test(stderr) && this.#cursor !== "" && this.#seenUntilUs === undefined) {
      this.#giveUpCursor();
    } else this.#fault = this.#failure(kind, stderr);
    this.#wake();
  }

  #take(bytes: Buffer): void {
    let from = 0;
    if (this.#seenUntilUs !== undefined) from = this.#behindSeen(bytes);
    const cursor = cursorIn(bytes);
    if (from === bytes.length) return;
    this.#cursor = cursor ?? this.#cursor;
    this.#waiting?.add(bytes.subarray(from), this.#cursor);
  }

  /** Its cursor may stand anywhere in an entry, and be cut between two pieces. */
  #drop(piece: Buffer): void {
    const bytes = Buffer.concat([this.#droppedEnd, piece]);
    this.#droppedCursor = cursorIn(bytes) ?? this.#droppedCursor;
    this.#droppedEnd = bytes.subarray(-CURSOR_BYTES_MAX);
  }

  #forgetDropped(): void {
    this.#droppedEnd = Buffer.alloc(0);
    this.#droppedCursor = undefined;
  }

  /** An entry that is too long has its place behind the one before: it is rejected once. */
  #refuse(bytes: number): void {
    const cursor = this.#droppedCursor;
    this.#forgetDropped();
    const seenUntilUs = this.#seenUntilUs;
    const timeUs = cursor === undefined ? undefined : timeOf(cursor);
    if (seenUntilUs !== undefined && timeUs !== undefined) {
      if (timeUs <= seenUntilUs) return;
      this.#seenUntilUs = undefined;
    }
    this.#cursor = cursor ?? this.#cursor;
    this.#waiting?.refuse({ kind: "rejected", reason: "too_long", lines: 1, bytes }, cursor);
  }

  /** Where the first entry begins that is newer than all that was received before. */
  #behindSeen(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf("\n", at) + 1;
      const time = /"__REALTIME_TIMESTAMP"\s*:\s*"(\d+)"/.exec(bytes.toString("utf8", at, end));
      if (time?.[1] !== undefined && BigInt(time[1]) > (this.#seenUntilUs ?? 0n)) {
        this.#seenUntilUs = undefined;
        return at;
      }
      at = end;
    }
    return at;
  }

  #giveUpCursor(): void {
    const timeUs = timeOf(this.#cursor);
    this.#options.logger.warn(
      "the journal does not know where reading ended; it goes on at the time of the last entry",
      { cursor: this.#cursor },
    );
    if (timeUs === undefined) this.#cursor = "";
    else this.#seenUntilUs = timeUs;
    this.#start();
  }

  #failure(kind: string, stderr: string): TailraceError {
    const { program } = this.#options;
    if (kind === "missing") {
      return new TailraceError(
        "PROGRAM_MISSING",
        `the source of type journald needs ${program}, which is not installed: install systemd, or set \`command\` to its path`,
        { facts: { program } },
      );
    }
    const detail = stderr.trim().split("\n").at(-1) ?? "";
    return new TailraceError(
      "PROGRAM_FAILED",
      `${program} ended: ${detail || "it did not say why"}`,
      {
        facts: { program },
      },
    );
  }
}

/** When the entry of a cursor was written, in microseconds; undefined when it does not say so. */
function timeOf(cursor: string): bigint | undefined {
  const time = /(?:^|;)t=([0-9a-f]+)/.exec(cursor)?.[1];
  return time === undefined ? undefined : BigInt(`0x${time}`);
}

/** The cursor of the last entry in some lines; undefined when there is none. */
function cursorIn(lines: Buffer): string | undefined {
  const key = lines.lastIndexOf(CURSOR_KEY);
  if (key < 0) return undefined;
  const from = lines.indexOf(QUOTE, key + CURSOR_KEY.length) + 1;
  const to = lines.indexOf(QUOTE, from);
  return from > 0 && to > from ? lines.toString("utf8", from, to) : undefined;
}
