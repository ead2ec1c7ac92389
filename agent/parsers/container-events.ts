/**
 * Which lines of a container belong together: the pieces of a line that the runtime cut, and the lines of a stack trace.
 *
 * Every line has a time of its own here, so it is the text that tells. A text goes on with the event before when it is indented, or begins as only
 * parts of traces do (`Caused by:`, `Traceback`, `goroutine 7 [`, a name of a class with its package). Some texts tell only together with the line
 * before, such as the last line of a trace of Python. What a line is depends on it and on the lines right before it of the same stream (stdout or
 * stderr), whenever these were read, as far as they begin within a fixed distance; where the other stream wrote between, lines still count as what they are, but the text of the event ends there.
 */
import type { LineStart, WrappedLines } from "../../shared/events/parser.ts";
import { ContainerLine, type ContainerLineReader } from "./container-line.ts";

/** A text that was written in a container. */
export type WrittenText = Pick<ContainerLine, "textBuffer" | "textFrom" | "textTo">;

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
/** Lines back in which the line before of the same stream is looked for, and in which a trace may have begun. */
const LINES_BACK_MAX = 64;
/** Nor do they begin further back: what a runtime cuts has 16 KiB, and Docker may write each byte as six. */
const LOOK_BACK_BYTES = 102_400;
/** More of a text is not looked at. */
const HEAD_BYTES_MAX = 160;

/** Texts that go on with an event whatever stands before them. */
const CONTINUES = new RegExp(
  [
    "Caused by: ",
    "Suppressed: ",
    "\\.\\.\\. \\d+ more",
    "Traceback \\(most recent call last\\):",
    "During handling of the above exception",
    "The above exception was the direct cause",
    "goroutine \\d+ \\[",
    "\\[signal ",
    "created by ",
    "Stack trace:$",
    "#\\d+ ",
    "--- End of ",
    // A class with its package: what a logger prints below its line.
    "(?:[a-z_$][\\w$]*\\.)+[A-Z][\\w$]*(?:Exception|Error)\\b",
    "System\\.[\\w.]*Exception\\b",
  ]
    .map((part) => `^${part}`)
    .join("|"),
);
/** Texts that go on with an event when the line before them does: of Python, Go, and the end of an object of Node. */
const GOES_ON =
  /^(?:[\w.]*(?:Error|Exception|Warning|Interrupt|Exit)(?:: |$)|[\w\-./%*()[\]{}]+\(.*\)$|[}\])]+;?$|exit status \d)/;

/** Makes what tells the events of containers. `textBegins`: what tells it by the text; undefined: as above. */
export function containerLines(
  read: ContainerLineReader,
  textBegins: LineStart | undefined,
): WrappedLines {
  return {
    begins: containerLineStart(read, textBegins),
    lookBackBytes: LOOK_BACK_BYTES,
    isUnfinished: (buffer, from, to) => isUnfinished(read, buffer, from, to),
  };
}

/** What is written to the other stream in between says nothing of the event's own last line. */
function isUnfinished(
  read: ContainerLineReader,
  buffer: Buffer,
  from: number,
  to: number,
): boolean {
  const line = new ContainerLine();
  if (read(buffer, from, lineEnd(buffer, from, to), line) !== undefined) return false;
  const { isStderr } = line;
  for (let end = to - 1; end > from; ) {
    const start = Math.max(from, buffer.lastIndexOf(LINE_FEED, end - 1) + 1);
    const isRead = read(buffer, start, end, line) === undefined;
    if (isRead && line.isStderr === isStderr) return line.isPartial;
    end = start - 1;
  }
  return false;
}

function containerLineStart(
  read: ContainerLineReader,
  textBegins: LineStart | undefined,
): LineStart {
  const line = new ContainerLine();
  const before = new ContainerLine();
  return (buffer, from, to) => {
    // A line that is none of a container's is an event, or a rejection, of its own.
    if (read(buffer, from, to, line) !== undefined) return true;
    const { isStderr } = line;
    let verdict = verdictOf(line, textBegins);
    for (let at = from, back = 0; back < LINES_BACK_MAX && at > 1; back++) {
      const start = buffer.lastIndexOf(LINE_FEED, at - 2) + 1;
      if (from - start > LOOK_BACK_BYTES) break;
      const isRead = read(buffer, start, at - 1, before) === undefined;
      at = start;
      if (!isRead) break;
      if (before.isStderr !== isStderr) continue;
      if (before.isPartial) return false;
      if (verdict !== "depends") break;
      verdict = verdictOf(before, textBegins);
      if (verdict === "begins") return true;
    }
    return verdict !== "continues";
  };
}

/** What a text says of itself. */
type Verdict = "begins" | "continues" | "depends";

function verdictOf(text: WrittenText, textBegins: LineStart | undefined): Verdict {
  const { textBuffer, textFrom, textTo } = text;
  if (textBegins !== undefined) {
    return textBegins(textBuffer, textFrom, textTo) ? "begins" : "continues";
  }
  if (textFrom === textTo) return "continues";
  const first = textBuffer[textFrom];
  if (first === SPACE || first === TAB) return "continues";
  // Nearly all lines that begin an event begin with a digit or a brace: no trace does.
  if (first === 0x7b || (first !== undefined && first >= 0x30 && first <= 0x39)) {
    return "begins";
  }
  const head = textBuffer.toString("latin1", textFrom, Math.min(textTo, textFrom + HEAD_BYTES_MAX));
  if (CONTINUES.test(head)) return "continues";
  return GOES_ON.test(head) ? "depends" : "begins";
}

/**
 * The text of an event: that of its first line, then those of the lines behind it of the same stream, or without an envelope. `first` is as its reader left it, and
 * says afterwards whether the last piece is missing.
 */
export function joinedText(
  read: ContainerLineReader,
  first: ContainerLine,
  rest: { readonly buffer: Buffer; readonly from: number; readonly to: number },
): WrittenText {
  const { isStderr } = first;
  const parts = [Buffer.from(first.textBuffer.subarray(first.textFrom, first.textTo))];
  let isPartial = first.isPartial;
  const line = new ContainerLine();
  for (let at = rest.from; at < rest.to; ) {
    const end = lineEnd(rest.buffer, at, rest.to);
    const isBare = read(rest.buffer, at, end, line) !== undefined;
    if (isBare) parts.push(Buffer.from("\n"), Buffer.from(rest.buffer.subarray(at, end)));
    else if (line.isStderr === isStderr) {
      if (!isPartial) parts.push(Buffer.from("\n"));
      parts.push(Buffer.from(line.textBuffer.subarray(line.textFrom, line.textTo)));
      isPartial = line.isPartial;
    }
    at = end + 1;
  }
  first.isPartial = isPartial;
  const textBuffer = Buffer.concat(parts);
  return { textBuffer, textFrom: 0, textTo: textBuffer.length };
}

/** The position of the line feed behind `at`, or `to`. */
export function lineEnd(buffer: Buffer, at: number, to: number): number {
  const end = buffer.indexOf(LINE_FEED, at);
  return end < 0 || end >= to ? to : end;
}
