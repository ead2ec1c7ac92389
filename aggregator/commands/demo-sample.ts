/** The demo's sample logs: real requests, replayed with their times shifted as if they happened now. */
import { gunzipSync } from "node:zlib";
import { MalformedError } from "../../shared/protocol/wire.ts";

/** One line of the sample: when it happened after the sample's start, and the line without its time. */
interface SampleLine {
  readonly offsetMs: number;
  /** What follows the time in the line. */
  readonly rest: string;
}

const TIME_KEY = '{"timestamp":"';
const TIME_LENGTH = "2023-01-29T00:00:09.504Z".length;
const MINUTE_MS = 60_000;

/** Sample lines in the order of time, repeated for ever. */
export class DemoSample {
  readonly #lines: readonly SampleLine[];
  /** Length of one round in milliseconds: whole minutes. */
  readonly roundMs: number;
  #position = 0;

  /** Takes the gzipped sample. Throws {@link MalformedError} when a line does not begin with its time. */
  constructor(gzipped: Uint8Array) {
    const lines: { timeMs: number; rest: string }[] = [];
    for (const line of gunzipSync(gzipped).toString("utf8").split("\n")) {
      if (line === "") continue;
      const timeMs = Date.parse(line.slice(TIME_KEY.length, TIME_KEY.length + TIME_LENGTH));
      if (!line.startsWith(TIME_KEY) || Number.isNaN(timeMs)) {
        throw new MalformedError(
          `a sample line does not begin with its time: ${line.slice(0, 60)}`,
        );
      }
      lines.push({ timeMs, rest: line.slice(TIME_KEY.length + TIME_LENGTH) });
    }
    lines.sort((a, b) => a.timeMs - b.timeMs);
    const startMs = Math.floor((lines[0]?.timeMs ?? 0) / MINUTE_MS) * MINUTE_MS;
    this.#lines = lines.map(({ timeMs, rest }) => ({ offsetMs: timeMs - startMs, rest }));
    const lastMs = this.#lines.at(-1)?.offsetMs ?? 0;
    this.roundMs = (Math.floor(lastMs / MINUTE_MS) + 1) * MINUTE_MS;
  }

  /** The lines that happen before `untilMs`, when the sample's start is at `startMs`, and were not taken before; as one text. */
  take(startMs: number, untilMs: number): string {
    let text = "";
    for (;;) {
      const round = Math.floor(this.#position / this.#lines.length);
      const line = this.#lines[this.#position % this.#lines.length];
      if (line === undefined) return text;
      const timeMs = startMs + round * this.roundMs + line.offsetMs;
      if (timeMs >= untilMs) return text;
      text += `${TIME_KEY}${new Date(timeMs).toISOString()}${line.rest}\n`;
      this.#position++;
    }
  }
}
