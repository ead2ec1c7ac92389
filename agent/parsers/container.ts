/**
 * Lines of containers, as Docker's json-file and CRI write them: an envelope, and in it a line of any format.
 *
 * The time is the envelope's: it is always there and always says its zone, which an application's own time often does not. Level, service,
 * duration, message and fields are those of the line inside, read by the format that is configured, or by the first that knows the line.
 * A line that no format knows is an event too: INFO, the whole text its message. Pieces of a line that the runtime cut, and lines of a stack
 * trace, are one event (`container-events.ts`); one whose last piece is missing says `partial` in its fields.
 */
import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { DURATION_NONE, levelAt } from "../../shared/events/event-fields.ts";
import { isBlank, lineContentEnd } from "../../shared/events/line-bytes.ts";
import {
  emptyMeasure,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";
import { TimeReader } from "../../shared/time/time-text.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import { joinedText, lineEnd, type WrittenText } from "./container-events.ts";
import { ContainerLine, type ContainerLineReader } from "./container-line.ts";

/** See the head of the file. */
export class ContainerParser implements LineParser {
  readonly #readLine: ContainerLineReader;
  readonly #inner: LineParser;
  readonly #times = new TimeReader(new TimeZone("UTC"));
  readonly #line = new ContainerLine();
  readonly #measure = emptyMeasure();
  /** What was written inside of the line at hand, or of all lines of its event. */
  #text: WrittenText = this.#line;

  /** `inner` was compiled with `isTimeGiven`. */
  constructor(readLine: ContainerLineReader, inner: LineParser) {
    this.#readLine = readLine;
    this.#inner = inner;
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const measure = this.#measure;
    const reason = this.measure(line, 0, line.length, measure);
    if (reason !== undefined) return { kind: "rejection", reason };
    const { isStderr, isPartial } = this.#line;
    const { textBuffer, textFrom, textTo } = this.#text;
    const text = textBuffer.subarray(textFrom, textTo);
    const inner = this.#inner.parse(text);
    const fields = {
      stream: isStderr ? "stderr" : "stdout",
      ...(isPartial ? { partial: true } : {}),
    };
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message: inner.kind === "event" ? inner.message : text.toString(),
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields: inner.kind === "event" ? { ...fields, ...inner.fields } : fields,
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const line = this.#line;
    const first = lineEnd(buffer, from, to);
    const end = lineContentEnd(buffer, from, first);
    const reason = this.#readLine(buffer, from, end, line);
    if (reason !== undefined) return isBlank(buffer, from, end) ? "blank" : reason;
    const timeMs = this.#times.read(line.timeBuffer, line.timeFrom, line.timeTo);
    if (Number.isNaN(timeMs)) return "bad_time";
    this.#text = line;
    if (first < to) this.#text = joinedText(this.#readLine, line, { buffer, from: first + 1, to });
    const text = this.#text;
    const inner = this.#inner.measure(text.textBuffer, text.textFrom, text.textTo, target);
    if (inner === "blank") return "blank";
    if (inner !== undefined) {
      target.service = "";
      target.level = LEVEL_INDEX.INFO;
      target.durationUs = DURATION_NONE;
      target.durationOutOfRange = false;
    }
    target.timeMs = timeMs;
    return undefined;
  }
}
