import type { LineCounter } from "../window/line-counter.ts";
import { defaultService } from "./default-service.ts";
import type { LineSink } from "./line-buffer.ts";
import { STDIN_NAME } from "./read-input.ts";
import type { RejectedLines } from "./rejected-lines.ts";

/** What belongs to the lines of one part of an input. */
export interface PartLinesOptions {
  readonly counter: LineCounter;
  readonly rejected: RejectedLines;
  /** Number of the input. */
  readonly file: number;
  readonly path: string;
}

/** Hands the lines of one part of an input to the counter and keeps track of what was rejected where. */
export class PartLines implements LineSink {
  readonly #counter: LineCounter;
  readonly #rejected: RejectedLines;
  readonly #file: number;
  readonly #service: string;
  readonly #linesBefore: number;
  #tooLongLines = 0;
  /** Where in the input the next line begins. */
  offset = 0;

  constructor({ counter, rejected, file, path }: PartLinesOptions) {
    this.#counter = counter;
    this.#rejected = rejected;
    this.#file = file;
    this.#service = path === STDIN_NAME ? "stdin" : defaultService(path);
    this.#linesBefore = counter.lineCount;
  }

  get readBuffer(): Buffer | undefined {
    return this.#counter.readBuffer;
  }

  /** Lines of this part so far. */
  get lineCount(): number {
    return this.#counter.lineCount - this.#linesBefore + this.#tooLongLines;
  }

  get eventBytesMax(): number {
    return this.#counter.eventBytesMax ?? 0;
  }

  get lookBackBytes(): number {
    return this.#counter.lookBackBytes?.(this.#file) ?? 0;
  }

  pendingFrom(buffer: Buffer, from: number, to: number): number {
    return this.#counter.pendingFrom?.(buffer, from, to, this.#context(buffer, from)) ?? to;
  }

  lines(buffer: Buffer, from: number, to: number): void {
    this.#counter.count(buffer, from, to, this.#context(buffer, from));
    this.offset += to - from;
  }

  unterminated(line: Buffer): void {
    this.#counter.countUnterminated(line, this.#context(line, 0));
    this.offset += line.length;
  }

  tooLong(bytes: number): void {
    this.#tooLongLines++;
    this.offset += bytes;
    const lineNumber = this.lineCount;
    this.#rejected.add("too_long", () => lineNumber);
  }

  #context(buffer: Buffer, from: number) {
    const linesBefore = this.lineCount;
    return {
      service: this.#service,
      eventTimeLimitMs: Number.POSITIVE_INFINITY,
      file: this.#file,
      offset: this.offset,
      fileStart: this.offset === 0,
      onRejected: (reason: string, position: number) => {
        this.#rejected.add(reason, () => linesBefore + 1 + lineFeeds(buffer, from, position));
      },
    };
  }
}

function lineFeeds(buffer: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (buffer[at] === 0x0a) count++;
  return count;
}
