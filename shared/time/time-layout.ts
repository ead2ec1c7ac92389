/**
 * Layouts: patterns of how a time is written, in the letters of Java's DateTimeFormatter, which log4j, logback and Logstash use too.
 *
 * | letters | mean |
 * | --- | --- |
 * | `yyyy` `yy` | year; two digits are 1969 to 2068. Without a year: see `LayoutReader` |
 * | `MM` `M` `MMM` `MMMM` | month: two digits, one or two, three letters, its English name |
 * | `dd` `d` | day: two digits; one or two, a space may stand before one |
 * | `EEE` `EEEE` | day of the week: three letters, its name; not checked |
 * | `HH` `H` `hh` `h` `a` | hour of the day; hour of the half day, with AM or PM |
 * | `mm` `ss` `S…` | minute, second, fraction of the second (however many digits there are) |
 * | `Z` `X` `x` `z` | zone: `Z`, `+01:00`, `+0100`, `+01`, `GMT+01`, or an abbreviation that means one zone only |
 * | `[…]` | may be missing |
 * | `'…'`, other characters | stand for themselves; `''` is a quote. A comma or point before a fraction may be the other one |
 *
 * Some layouts have names: {@link LAYOUT_NAMES}.
 */

/** Parts of a time that a layout can hold. */
export type LayoutField =
  | "year"
  | "shortYear"
  | "month"
  | "monthName"
  | "day"
  | "weekday"
  | "hour"
  | "halfDayHour"
  | "halfDay"
  | "minute"
  | "second"
  | "fraction"
  | "zone";

/** One step of reading a time. */
export type LayoutStep =
  | { readonly kind: "text"; readonly bytes: Uint8Array }
  /** A comma or a point. */
  | { readonly kind: "point" }
  | { readonly kind: "optional"; readonly steps: readonly LayoutStep[] }
  | { readonly kind: "epoch"; readonly digits: number }
  | {
      readonly kind: "field";
      readonly field: LayoutField;
      /** True when fewer digits, or more letters, than written may stand there. */
      readonly isLoose: boolean;
    };

const ISO_DATE_TIME = "yyyy-MM-dd['T']['t'][ ]HH:mm[:ss[,SSS]]";

/** Layouts with names, as configuration may say them instead of letters. */
const LAYOUTS = {
  ansi_c: "EEE MMM d HH:mm:ss[.SSS] [Z ]yyyy",
  common_log: "dd/MMM/yyyy:HH:mm:ss[.SSS][[ ]Z]",
  iso8601: `${ISO_DATE_TIME}[[ ]Z]`,
  logcat: "MM-dd HH:mm:ss[.SSS]",
  rfc2822: "[EEE, ]d MMM yyyy HH:mm[:ss] Z",
  rfc850: "EEEE, dd-MMM-yy HH:mm:ss Z",
  syslog: "MMM d[ yyyy] HH:mm:ss[.SSS]",
} as const;

/** Numbers since the epoch: in a unit, or in the unit that their size tells. */
const EPOCHS: Readonly<Record<string, number>> = {
  epoch: 0,
  epoch_s: 10,
  epoch_ms: 13,
  epoch_us: 16,
  epoch_ns: 19,
};

/** Names of layouts. */
export const LAYOUT_NAMES: readonly string[] = [
  ...Object.keys(LAYOUTS),
  ...Object.keys(EPOCHS),
].toSorted();

/** ISO 8601 as lines begin with it: behind a space a zone is one where nothing else can be meant. */
export const ISO_PREFIX_LAYOUT: string = LAYOUTS.iso8601;

const LETTERS: Readonly<
  Record<string, { readonly field: LayoutField; readonly isLoose: boolean }>
> = {
  yyyy: { field: "year", isLoose: false },
  yy: { field: "shortYear", isLoose: false },
  MMMM: { field: "monthName", isLoose: true },
  MMM: { field: "monthName", isLoose: false },
  MM: { field: "month", isLoose: false },
  M: { field: "month", isLoose: true },
  dd: { field: "day", isLoose: false },
  d: { field: "day", isLoose: true },
  EEEE: { field: "weekday", isLoose: true },
  EEE: { field: "weekday", isLoose: false },
  HH: { field: "hour", isLoose: false },
  H: { field: "hour", isLoose: true },
  hh: { field: "halfDayHour", isLoose: false },
  h: { field: "halfDayHour", isLoose: true },
  a: { field: "halfDay", isLoose: false },
  mm: { field: "minute", isLoose: false },
  ss: { field: "second", isLoose: false },
};
const FIELD_NEEDS: readonly (readonly [string, readonly LayoutField[]])[] = [
  ["a month", ["month", "monthName"]],
  ["a day", ["day"]],
  ["an hour", ["hour", "halfDayHour"]],
  ["minutes", ["minute"]],
];

/** The layout that `text` writes or names, or a sentence about what is wrong with it. */
export function parseLayout(text: string): readonly LayoutStep[] | string {
  const epochDigits = EPOCHS[text];
  if (epochDigits !== undefined) {
    return [{ kind: "epoch", digits: epochDigits }];
  }
  const named = Object.entries(LAYOUTS).find(([name]) => name === text);
  const reader = new LayoutText(named?.[1] ?? text);
  const steps = reader.steps(0);
  if (typeof steps === "string") return steps;
  const fields = fieldsOf(steps);
  for (const [what, choices] of FIELD_NEEDS) {
    if (!choices.some((choice) => fields.includes(choice))) return `it has no place for ${what}`;
  }
  const halfDayHourAt = fields.indexOf("halfDayHour");
  const halfDayAt = fields.indexOf("halfDay");
  if (halfDayHourAt < 0 !== halfDayAt < 0 || halfDayAt < halfDayHourAt) {
    return "hh and a belong together, a after hh";
  }
  const repeated = fields.find((field, index) => fields.indexOf(field) !== index);
  if (repeated !== undefined) return `it has two places for the ${repeated}`;
  return steps;
}

/** All fields of steps, those that may be missing too. */
export function fieldsOf(steps: readonly LayoutStep[]): LayoutField[] {
  return steps.flatMap((step) => {
    if (step.kind === "optional") return fieldsOf(step.steps);
    return step.kind === "field" ? [step.field] : [];
  });
}

function endsInPoint(step: LayoutStep | undefined): boolean {
  return step?.kind === "text" && [",", "."].includes(Buffer.from(step.bytes).toString());
}

/** Reads the letters of a layout. */
class LayoutText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The steps up to the end, or to the bracket that closes the current group. */
  steps(depth: number): LayoutStep[] | string {
    const steps: LayoutStep[] = [];
    let literal = "";
    const flush = (): void => {
      if (literal !== "") steps.push({ kind: "text", bytes: Buffer.from(literal) });
      literal = "";
    };
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? "";
      if (character === "'") {
        const quoted = this.#quoted();
        if (quoted === undefined) return "a quote is not closed";
        literal += quoted;
      } else if (character === "[") {
        flush();
        this.#at++;
        const inner = this.steps(depth + 1);
        if (typeof inner === "string") return inner;
        steps.push({ kind: "optional", steps: inner });
      } else if (character === "]") {
        if (depth === 0) return "a ] closes nothing";
        flush();
        this.#at++;
        return steps;
      } else if (/[A-Za-z]/.test(character)) {
        flush();
        const step = this.#field();
        if (typeof step === "string") return step;
        if (step.kind === "field" && step.field === "fraction" && endsInPoint(steps.at(-1))) {
          steps.splice(-1, 1, { kind: "point" });
        }
        steps.push(step);
      } else {
        literal += character;
        this.#at++;
      }
    }
    flush();
    return depth === 0 ? steps : "a [ is not closed";
  }

  #field(): LayoutStep | string {
    const letters = /^(?:S+|[ZXxz]+|([A-Za-z])\1*)/.exec(this.#text.slice(this.#at))?.[0] ?? "";
    this.#at += letters.length;
    if (letters.startsWith("S")) return { kind: "field", field: "fraction", isLoose: true };
    if (/^[ZXxz]/.test(letters)) return { kind: "field", field: "zone", isLoose: true };
    const known = LETTERS[letters];
    if (known !== undefined) return { kind: "field", ...known };
    return `${letters} is no field; letters that stand for themselves are quoted: '${letters}'`;
  }

  #quoted(): string | undefined {
    if (this.#text.startsWith("''", this.#at)) {
      this.#at += 2;
      return "'";
    }
    const close = this.#text.indexOf("'", this.#at + 1);
    if (close < 0) return undefined;
    const quoted = this.#text.slice(this.#at + 1, close);
    this.#at = close + 1;
    return quoted;
  }
}

/** The bytes that a time of a layout can begin with, as flags by byte. */
export function firstBytesOf(steps: readonly LayoutStep[]): Uint8Array {
  const flags = new Uint8Array(256);
  for (const step of steps) {
    if (step.kind === "optional") {
      firstBytesOf(step.steps).forEach((flag, byte) => {
        if (flag === 1) flags[byte] = 1;
      });
      continue;
    }
    for (const character of firstCharacters(step)) flags[character.charCodeAt(0)] = 1;
    break;
  }
  return flags;
}

const DIGITS = "0123456789";
const LETTERS_OF_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function firstCharacters(step: Exclude<LayoutStep, { readonly kind: "optional" }>): string {
  if (step.kind === "text") return String.fromCharCode(step.bytes[0] ?? 0);
  if (step.kind === "point") return ".,";
  if (step.kind === "epoch") return DIGITS;
  if (step.field === "zone") return `${LETTERS_OF_NAMES}+-`;
  const isName = ["monthName", "weekday", "halfDay"].includes(step.field);
  return isName ? LETTERS_OF_NAMES : step.isLoose ? `${DIGITS} ` : DIGITS;
}
