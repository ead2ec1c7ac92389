import { systemCode } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { LineFeed, TakenLines } from "./line-feed.ts";
import { LineFramer } from "./line-framer.ts";
import { WaitingLines } from "./waiting-lines.ts";

/** Lines that wait; then whoever writes has to. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** Lines of the standard input. Its writer waits while the agent cannot count; what is not sealed when the agent dies is gone. */
export class StdinFeed implements LineFeed {
  readonly path = "stdin";
  readonly #input: () => AsyncIterable<Buffer>;
  readonly #lineBytesMax: number;
  readonly #logger: Logger;
  #waiting: WaitingLines | undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(input: () => AsyncIterable<Buffer>, lineBytesMax: number, logger: Logger) {
    this.#input = input;
    this.#lineBytesMax = lineBytesMax;
    this.#logger = logger;
  }

  get waitingBytes(): number {
    return this.#waiting?.bytes ?? 0;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async open(position: string, wake: () => void): Promise<string> {
    const waiting = new WaitingLines(WAITING_BYTES_MAX, wake);
    this.#waiting = waiting;
    void this.#receive(waiting, wake);
    return position;
  }

  async tend(): Promise<void> {
    // Nothing begins again.
  }

  take(bytesMax: number): TakenLines {
    return this.#waiting?.take(bytesMax) ?? { bytes: Buffer.alloc(0), refused: [] };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting?.close();
  }

  async #receive(waiting: WaitingLines, wake: () => void): Promise<void> {
    const framer = new LineFramer(this.#lineBytesMax, {
      lines: (bytes) => waiting.add(bytes),
      tooLong: (bytes) => waiting.refuse({ kind: "rejected", reason: "too_long", lines: 1, bytes }),
    });
    try {
      for await (const piece of this.#input()) {
        framer.push(piece);
        await waiting.room();
        if (this.#isClosed) return;
      }
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      // Such as a terminal that hung up: nothing comes any more, and what came counts.
      this.#logger.warn("the standard input broke off; what came before is counted", { code });
    } finally {
      framer.end();
      this.#hasEnded = true;
      wake();
    }
  }
}
