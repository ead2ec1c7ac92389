/**
 * Messages in a stream, as RFC 6587 frames them: by their length in front (`17 <13>…`), or by a line feed behind. A sender may do either, message by
 * message: one that begins with a digit other than zero has its length there.
 */

/** What becomes of framed bytes. */
export interface FramedMessages {
  /** A message without its frame; only valid during the call. */
  message(bytes: Buffer): void;
  /** Bytes of a message that is longer than the limit. */
  tooLong(bytes: number): void;
  /** Bytes of a message whose end never came. */
  cutOff(bytes: number): void;
}

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
/** Digits of a length; more are text. */
const LENGTH_DIGITS_MAX = 9;

/** Cuts a stream into messages; what it holds of an unfinished one is at most the limit. */
export class SyslogFramer {
  readonly #messageBytesMax: number;
  readonly #target: FramedMessages;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes still to be dropped of a counted message; Infinity: up to the next line feed. */
  #dropping = 0;
  #droppedBytes = 0;

  constructor(messageBytesMax: number, target: FramedMessages) {
    this.#messageBytesMax = messageBytesMax;
    this.#target = target;
  }

  /** Takes the next bytes; they are copied. */
  push(bytes: Buffer): void {
    let rest = this.#drop(bytes);
    if (rest.length === 0) return;
    rest = this.#held.length > 0 ? Buffer.concat([this.#held, rest]) : rest;
    for (;;) {
      const taken = this.#takeOne(rest);
      if (taken === 0) break;
      rest = rest.subarray(taken);
    }
    this.#held = Buffer.from(rest);
  }

  /** The stream is over. `isWhole`: its sender ended it, so that what no line feed ends is a message. */
  end(isWhole: boolean): void {
    if (this.#droppedBytes > 0) this.#target.tooLong(this.#droppedBytes);
    else if (this.#held.length > 0) {
      if (isWhole && countedLength(this.#held) === undefined) this.#target.message(this.#held);
      else this.#target.cutOff(this.#held.length);
    }
    this.#held = Buffer.alloc(0);
    this.#dropping = 0;
    this.#droppedBytes = 0;
  }

  /** Takes a message or the beginning of one that is too long; returns its bytes with the frame, 0 when more has to come first. */
  #takeOne(rest: Buffer): number {
    if (rest.length === 0) return 0;
    const counted = countedLength(rest);
    if (counted === "unfinished") return 0;
    if (counted !== undefined) {
      const { from, length } = counted;
      if (length > this.#messageBytesMax) return this.#beginDrop(rest.length, from + length);
      if (rest.length < from + length) return 0;
      this.#target.message(rest.subarray(from, from + length));
      return from + length;
    }
    const end = rest.indexOf(LINE_FEED);
    const length = end < 0 ? rest.length : end;
    if (length > this.#messageBytesMax) {
      return this.#beginDrop(rest.length, end < 0 ? Number.POSITIVE_INFINITY : end + 1);
    }
    if (end < 0) return 0;
    this.#target.message(rest.subarray(0, end));
    return end + 1;
  }

  #beginDrop(available: number, length: number): number {
    const bytes = Math.min(available, length);
    this.#droppedBytes = bytes;
    this.#dropping = length - bytes;
    if (this.#dropping === 0) this.#endDrop();
    return bytes;
  }

  /** Drops what belongs to a message that is too long; returns what is behind it. */
  #drop(bytes: Buffer): Buffer {
    if (this.#dropping === 0) return bytes;
    const isCounted = Number.isFinite(this.#dropping);
    const end = isCounted ? this.#dropping : bytes.indexOf(LINE_FEED) + 1 || bytes.length + 1;
    const dropped = Math.min(end, bytes.length);
    this.#droppedBytes += dropped;
    if (isCounted) this.#dropping -= dropped;
    if (end <= bytes.length) this.#endDrop();
    return bytes.subarray(dropped);
  }

  #endDrop(): void {
    this.#target.tooLong(this.#droppedBytes);
    this.#dropping = 0;
    this.#droppedBytes = 0;
  }
}

/** The length in front of a message and where that begins; undefined when there is none, `unfinished` when that is not to be seen yet. */
function countedLength(
  bytes: Buffer,
): { readonly from: number; readonly length: number } | "unfinished" | undefined {
  let length = 0;
  for (let at = 0; at <= LENGTH_DIGITS_MAX; at++) {
    const byte = bytes[at];
    if (byte === undefined) return "unfinished";
    if (byte === SPACE) return at === 0 ? undefined : { from: at + 1, length };
    const isDigit = byte >= ZERO && byte <= NINE && !(at === 0 && byte === ZERO);
    if (!isDigit) return undefined;
    length = length * 10 + byte - ZERO;
  }
  return undefined;
}
