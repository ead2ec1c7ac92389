/**
 * Makes lines on which a fast scanner of JSON can differ from JSON.parse. Seeded: the same seed gives the same bytes.
 *
 * A scanner that learns from lines must be lied to by lines that look like those it knows. So each generator first invents some
 * *dialects* (names, order, spacing, extra fields), writes plain lines in them, and then spoils lines: a nasty value, a nasty
 * structure, bytes broken at random, or the head of one line joined to the tail of another.
 */
import { seededRandom } from "../benchmark/log-lines.ts";
import { NastyValues } from "./nasty-values.ts";

/** One field of a dialect: how its name is written, and what makes its value. */
interface DialectField {
  readonly name: string;
  readonly value: () => string;
}

interface Dialect {
  readonly fields: readonly DialectField[];
  readonly comma: string;
  readonly colon: string;
  readonly start: string;
  readonly end: string;
}

const TIME_NAMES = ["timestamp", "timestamp", "timestamp", "@timestamp", "time", "ts"];
const SERVICE_NAMES = ["service", "service", "service", "service.name"];
const LEVEL_NAMES = ["level", "level", "level", "severity", "lvl"];
const DURATION_NAMES = ["duration", "duration", "duration", "duration_ms"];
const OTHER_NAMES = [
  "message",
  "msg",
  "a",
  "",
  "trace_id",
  "Service",
  "service ",
  "servic",
  "services",
  "levels",
  "durations",
  "timestam",
  "__proto__",
  "constructor",
  "größe",
  "name_of_16_chars",
  "name_of_13_ch",
  "name_of_12_c",
  "name_of_11_",
  "a_rather_long_name_of_a_field_with_many_bytes",
];
const ODD_LINES = [
  "",
  " ",
  "\t\r",
  "\r",
  "\x0b\x0c ",
  "{}",
  "[]",
  "null",
  "123",
  '"text"',
  "true",
  "{",
  "}",
  '{"a":1}',
  "\x00",
  "// comment",
  "{'timestamp':'x'}",
  '\ufeff{"timestamp":"2026-11-20T10:00:00.000Z","service":"mark"}',
  '{"timestamp":"2026-11-20T10:00:00.000Z"}{"timestamp":"2026-11-20T10:00:00.000Z"}',
  '{"timestamp":"2026-11-20T10:00:00.000Z"} x',
  '{"timestamp":"2026-11-20T10:00:00.000Z",}',
  '{"timestamp":"2026-11-20T10:00:00.000Z"]',
  '{"timestamp":"2026-11-20T10:00:00.000Z","a":[}',
  '{,"timestamp":"2026-11-20T10:00:00.000Z"}',
  '{"timestamp":"2026-11-20T10:00:00.000Z""a":1}',
  '{"timestamp":"2026-11-20T10:00:00.000Z","a":tru}',
  '{"timestamp":"2026-11-20T10:00:00.000Z","a":nullx}',
  '{"timestamp":"2026-11-20T10:00:00.000Z","a":falsy}',
];
const ODD_BYTES = [
  0x22, 0x5c, 0x7b, 0x7d, 0x2c, 0x3a, 0x5b, 0x5d, 0x30, 0x39, 0x2e, 0x2d, 0x65, 0x00, 0x02, 0x1f,
  0x20, 0x21, 0x23, 0x7f, 0x80, 0xbf, 0xc3, 0xe2, 0xf0, 0xff,
];

/** What one generator writes. Lines hold any byte but a line feed. */
export class NastyLines {
  readonly #random: () => number;
  readonly values: NastyValues;
  readonly #dialects: readonly Dialect[];
  readonly #recent: Buffer[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.values = new NastyValues(this.#random);
    const count = 1 + this.values.integer(6);
    this.#dialects = Array.from({ length: count }, () => this.#dialect());
  }

  /** A line that may or may not be JSON; `spoiled` is the share of lines that are tampered with. */
  line(spoiled: number): Buffer {
    const { values } = this;
    const chance = this.#random();
    let line: Buffer;
    if (chance >= spoiled) line = Buffer.from(this.#plainLine());
    else if (chance < spoiled * 0.03) line = Buffer.from(values.pick(ODD_LINES));
    else if (chance < spoiled * 0.04) line = Buffer.from(this.#deepLine());
    else if (chance < spoiled * 0.55) line = Buffer.from(this.#spoiledLine());
    else if (chance < spoiled * 0.7) line = this.#joinedLine();
    else line = this.#brokenLine(Buffer.from(this.#plainLine()));
    if (line.includes(10)) line = Buffer.from(line.map((byte) => (byte === 10 ? 11 : byte)));
    this.#recent[values.integer(16)] = line;
    return line;
  }

  #dialect(): Dialect {
    const { values } = this;
    const fields: DialectField[] = [
      { name: values.pick(TIME_NAMES), value: values.pick([values.plainTime, values.plainEpoch]) },
    ];
    if (!values.chance(0.15)) {
      fields.push({ name: values.pick(SERVICE_NAMES), value: values.plainService });
    }
    if (!values.chance(0.15)) {
      const value = values.pick([values.plainLevel, values.plainLevel, values.numberLevel]);
      fields.push({ name: values.pick(LEVEL_NAMES), value });
    }
    if (!values.chance(0.15)) {
      fields.push({ name: values.pick(DURATION_NAMES), value: values.plainDuration });
    }
    fields.push({ name: "message", value: values.goodString });
    if (values.chance(0.2)) {
      // A second name of the same meaning; which one counts can change from line to line.
      const value = values.pick([values.plainService, values.plainLevel, values.plainDuration]);
      const name = values.pick(values.pick([SERVICE_NAMES, LEVEL_NAMES, DURATION_NAMES]));
      fields.push({ name, value: () => (values.chance(0.3) ? "null" : value()) });
      fields.push({ name: values.pick(SERVICE_NAMES), value: values.word });
    }
    for (let extra = values.integer(4); extra > 0; extra--) {
      const value = values.pick([values.goodString, values.number, values.word, values.container]);
      fields.push({ name: values.pick(OTHER_NAMES), value });
    }
    if (values.chance(0.5)) values.shuffle(fields);
    const spacing = values.integer(8);
    return {
      fields,
      comma: spacing === 0 ? ", " : spacing === 1 ? " ,\t" : ",",
      colon: spacing === 0 ? ": " : spacing === 1 ? " :\r" : ":",
      start: values.pick(["{", "{", "{", "{ ", " {"]),
      end: values.pick(["}", "}", "}", "}\r", " }", "} "]),
    };
  }

  #write(dialect: Dialect, fields: readonly (readonly [string, string])[]): string {
    const { comma, colon, start, end } = dialect;
    return start + fields.map(([name, value]) => name + colon + value).join(comma) + end;
  }

  #pairs(dialect: Dialect): [string, string][] {
    return dialect.fields.map(({ name, value }) => [this.values.quoted(name), value()]);
  }

  #plainLine(): string {
    const dialect = this.values.pick(this.#dialects);
    return this.#write(dialect, this.#pairs(dialect));
  }

  /** A line of a dialect with one nasty value or a nasty structure. */
  #spoiledLine(): string {
    const { values } = this;
    const dialect = values.pick(this.#dialects);
    const pairs = this.#pairs(dialect);
    const at = values.integer(pairs.length);
    const name = dialect.fields[at]?.name ?? "";
    const nasty = (): string => {
      if (TIME_NAMES.includes(name)) return values.time();
      if (SERVICE_NAMES.includes(name)) return values.service();
      if (LEVEL_NAMES.includes(name)) return values.level();
      if (DURATION_NAMES.includes(name)) return values.duration();
      return values.chance(0.7) ? values.string() : values.value(1);
    };
    const every = [TIME_NAMES, SERVICE_NAMES, LEVEL_NAMES, DURATION_NAMES, OTHER_NAMES];
    switch (values.integer(9)) {
      case 0:
        pairs.splice(at, 1);
        break;
      case 1:
        values.shuffle(pairs);
        break;
      case 2: // A name twice, or a second name of the same meaning.
        pairs.splice(values.integer(pairs.length + 1), 0, [
          values.quoted(values.chance(0.5) ? name : values.pick(values.pick(every))),
          values.chance(0.5) ? nasty() : values.value(1),
        ]);
        break;
      case 3:
        pairs[at] = [values.quoted(name, 0.3), nasty()];
        break;
      case 4:
        pairs.push([values.quoted("context"), values.container()]);
        break;
      default:
        pairs[at] = [values.quoted(name), values.chance(0.85) ? nasty() : values.value(1)];
    }
    return this.#write(dialect, pairs);
  }

  /** Nested about as deep as a scanner with 64 bits for it can follow, or much deeper; sometimes with a wrong bracket. */
  #deepLine(): string {
    const { values } = this;
    const depth = values.chance(0.7) ? 58 + values.integer(12) : values.integer(300);
    const objects = values.pick([0, 0.5, 0.98, 1]);
    let open = "";
    let close = "";
    for (let level = 0; level < depth; level++) {
      const isObject = values.chance(objects);
      open += isObject ? '{"service":' : "[";
      close = (isObject ? "}" : "]") + close;
    }
    const end = values.chance(0.8) ? "}" : "]";
    return `{"timestamp":${values.plainTime()},"a":${open}1${close}${end}`;
  }

  /** The head of one line and the tail of another, cut at the same or at different places. */
  #joinedLine(): Buffer {
    const { values } = this;
    const head = Buffer.from(this.#plainLine());
    const tail = this.#recent[values.integer(16)] ?? Buffer.from(this.#plainLine());
    const at = values.integer(head.length);
    const from = values.chance(0.5) ? at : values.integer(tail.length);
    return Buffer.concat([head.subarray(0, at), tail.subarray(Math.min(from, tail.length))]);
  }

  #brokenLine(line: Buffer): Buffer {
    const { values } = this;
    let broken = line;
    for (let faults = 1 + values.integer(2); faults > 0 && broken.length > 1; faults--) {
      const at = values.integer(broken.length);
      const head = broken.subarray(0, at);
      switch (values.integer(7)) {
        case 0:
          broken = Buffer.concat([head, broken.subarray(at + 1)]);
          break;
        case 1:
          broken = head;
          break;
        case 2:
          broken = Buffer.concat([head, Buffer.of(values.integer(256)), broken.subarray(at)]);
          break;
        case 3:
          broken = Buffer.concat([
            head,
            Buffer.of((broken[at] ?? 0) ^ (1 << values.integer(8))),
            broken.subarray(at + 1),
          ]);
          break;
        case 4:
          broken = Buffer.concat([head, broken.subarray(values.integer(broken.length))]);
          break;
        default:
          broken = Buffer.concat([
            head,
            Buffer.of(values.pick(ODD_BYTES)),
            broken.subarray(at + values.integer(2)),
          ]);
      }
    }
    return broken;
  }
}
