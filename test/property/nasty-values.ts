/** JSON texts of values, plain and nasty, that fields of log lines can have. */

const SERVICES = [
  "orders-api",
  "a",
  "checkout",
  "payments",
  "fourteen-chars",
  "fifteen-charact",
  "sixteen-characte",
  "seventeen-charact",
  "webhook-dispatcher",
  "größe",
  "注文",
];
const LEVELS = [
  "INFO",
  "info",
  "Warn",
  "WARNING",
  "ERROR",
  "err",
  "DEBUG",
  "trace",
  "FATAL",
  "Information",
  "CRITICAL",
  "audit",
  "I",
];
const DAYS = [
  "1900-02-29",
  "2000-02-29",
  "2024-02-29",
  "2023-02-29",
  "2100-02-29",
  "2100-02-28",
  "2026-04-31",
  "2026-11-31",
  "2026-08-31",
  "2026-07-31",
  "2026-12-31",
  "2026-00-10",
  "2026-13-10",
  "2026-01-00",
  "2026-01-32",
  "0000-02-29",
  "1969-12-31",
  "1970-01-01",
  "1971-03-01",
  "2199-12-31",
  "2200-01-01",
  "6100-01-01",
  "9999-12-31",
];
const NUMBERS = [
  "0",
  "0.0",
  "-0",
  "-0.0",
  "0.5",
  "0.0005",
  "0.00049999999999999999",
  "0.0015",
  "-12.5",
  "1e3",
  "1E+3",
  "1.5e-7",
  "0e5",
  "1e400",
  "-1e400",
  "1e-400",
  "1073741824",
  "1073741823.999999",
  "1073741823.9994",
  "1073741823.9995",
  "1073741823.9999999",
  "123456789012345678",
  "12345678901234",
  "123456789012345",
  "1234567890123456",
  "0.000000953674",
  "0.0000009536743164",
  "0.1234567",
  "12345.123456",
  "999999999.999999",
  "100000000000",
  "1234567890.12",
  "0.30000000000000004",
  "12.3456789012345678",
  "12.345499999999999999999",
  "12.34549999999999",
  "12.34550000000000",
  "12.3455000000000000000001",
  "9007199254740993",
  "1.0",
  "1.10",
  "000",
  "01",
  "-01",
  "00.5",
  "00000000000000000001.5",
  "0000000001.5000000",
  "1.",
  ".5",
  "+1",
  "1e",
  "1e+",
  "1.e5",
  "1.5e",
  "-",
  "1.2.3",
  "NaN",
  "Infinity",
  "0x10",
  "1_000",
  "12345678901234.",
  "123456789012345.5",
  "1.00000000000000000",
  "1.0000000000000000e1",
  "12.34567890123456789.1",
];
const PIECES = [
  "hello",
  "order accepted",
  "x",
  "",
  "the quick brown fox jumps over the lazy dog ",
  "0123456789abcdef",
  '\\"duration\\":99',
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
];
const ODD_PIECES = [
  '\\"',
  "\\\\",
  "\\/",
  "\\b\\f\\n\\r\\t",
  "\\u0041",
  "\\u00e9",
  "\\ud83d\\ude80",
  "\\ud800",
  "\\udc00x",
  '\\"service\\":\\"fake\\"',
  "é",
  "注",
  "🚀",
  "\u2028",
  "\u2029",
  "\x7f",
  '\\\\\\"',
  "\\\\\\\\",
  "\\x",
  "\\u12",
  "\\u12g4",
  "\\U0041",
  "\\'",
  "'",
  "\\",
  "\\\\\\",
  "\t",
  "\r",
  "\x00",
  "\x02",
  "\x1f",
  "\x0b",
  '"',
];
const ODD_CONTAINERS = [
  "[1,]",
  "[,1]",
  "[1 2]",
  "[1,2",
  "[1}",
  '{"a":1,}',
  '{"a" 1}',
  '{"a"}',
  '{"a":1]',
  "{1:2}",
  '{"a":}',
  '["a":1]',
  "[ ]",
  "{ }",
  "[\r]",
  "[1\t,\r2 ]",
];
const HEX_FAULTS = ["g", "G", "/", ":", "@", "`", " ", '"', "\\"];

/** Draws values with the random numbers it is given. Members are functions of their own so that they can be handed around. */
export class NastyValues {
  readonly #random: () => number;
  #fresh = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** An integer in [0, limit). */
  readonly integer = (limit: number): number => Math.floor(this.#random() * limit);
  /** True in `share` of the calls. */
  readonly chance = (share: number): boolean => this.#random() < share;

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(choices.length)];
    if (choice === undefined) throw new RangeError("nothing to pick from");
    return choice;
  }

  shuffle(list: unknown[]): void {
    for (let last = list.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      [list[last], list[other]] = [list[other], list[last]];
    }
  }

  /** JSON text of a string, `escaped` of its characters needlessly escaped. */
  quoted(text: string, escaped = 0): string {
    let written = '"';
    for (let at = 0; at < text.length; at++) {
      const unit = text.charAt(at);
      const code = text.charCodeAt(at);
      if (code < 0x20 || this.chance(escaped)) {
        written += `\\u${code.toString(16).padStart(4, "0")}`;
      } else written += unit === '"' || unit === "\\" ? `\\${unit}` : unit;
    }
    return `${written}"`;
  }

  #digits(count: number): string {
    let digits = "";
    for (let at = 0; at < count; at++) digits += this.integer(10);
    return digits;
  }

  #two(limit: number): string {
    return String(this.integer(limit)).padStart(2, "0");
  }

  readonly plainTime = (): string => {
    const seconds = this.chance(0.2) ? "00.000" : `${this.#two(60)}.${this.#digits(3)}`;
    return `"2026-11-20T1${this.integer(2)}:0${this.integer(3)}:${seconds}Z"`;
  };

  readonly plainEpoch = (): string => {
    const seconds = 1_795_000_000 + this.integer(5000);
    switch (this.integer(8)) {
      case 0:
        return String(seconds);
      case 1:
      case 2:
        return `${seconds}.${this.#digits(1 + this.integer(9))}`;
      case 3: // Just below a millisecond, where it matters how many decimals are looked at.
        return `${seconds}.${this.#digits(3)}999${this.#digits(1 + this.integer(4))}`;
      default:
        return `${seconds}${this.#digits(3)}`;
    }
  };

  readonly time = (): string => {
    const choice = this.integer(20);
    if (choice < 6) return this.#tamperedTime();
    if (choice === 6) return `"2026-11-20T10:00:${this.#two(100)}.456Z"`;
    if (choice === 7) return `"${this.pick(DAYS)}T10:00:00.000Z"`;
    if (choice === 8)
      return `"${this.pick(DAYS)}T${this.pick(["00:00", "23:59", "24:00", "23:60"])}:00-00:30"`;
    if (choice === 9) return this.#oddEpoch();
    if (choice === 10) return this.pick(["null", "{}", "[]", "true", '""', '"x"', "-1", "0"]);
    if (choice === 11) return `"${this.#oddEpoch()}"`;
    const time = this.#oddTime();
    return this.chance(0.05) ? this.quoted(time, 0.1) : `"${time}"`;
  };

  /** An ordinary time with one character changed. */
  #tamperedTime(): string {
    const time = this.plainTime();
    const at = 1 + this.integer(24);
    const odd = this.pick([..."0569:/;-.,Zz Ta+@?é", "", "00", "\x00", "\\u0030"]);
    return time.slice(0, at) + odd + time.slice(at + 1);
  }

  #oddTime(): string {
    const year = this.pick([
      "2026",
      "2026",
      "2024",
      "1900",
      "0000",
      "9999",
      "1969",
      "1970",
      "0099",
    ]);
    const date = this.chance(0.5) ? "2026-11-20" : `${year}-${this.#two(14)}-${this.#two(33)}`;
    const minute = `${this.pick(["T", "T", "T", " ", "t", "_"])}${this.#two(25)}:${this.#two(61)}`;
    const seconds = this.pick([":00", ":59", ":60", ":3", ":61", "", `:${this.#two(60)}`]);
    const fraction = this.pick([
      "",
      ".",
      ".12a",
      `.${this.#digits(1 + this.integer(11))}`,
      `,${this.#digits(3)}`,
      `.${this.#digits(3)}`,
    ]);
    const zone = this.pick([
      ...["Z", "Z", "Z", "z", "", "", "+00:00", "-08:00", "+05:30", "+14:00", "+14:59", "+15:00"],
      ...["+23:59", "+24:00", "-23:59", "+0530", "-0800", "+14", "+5:30", "Z ", "ZZ", " Z", " UTC"],
      ...[" CET", " CST", " +0100 CET"],
      ...["+05:60", "+05-30", "+05:3", "++5:30", "+05:30Z"],
    ]);
    return date + minute + seconds + fraction + zone;
  }

  #oddEpoch(): string {
    const lengths = [1, 7, 8, 9, 10, 10, 10, 11, 12, 13, 13, 13, 14, 15, 16, 17, 19, 20];
    const digits =
      this.pick(["0", "1", "1", "1", "9", "99"]) + this.#digits(this.pick(lengths) - 1);
    const end = [
      "",
      "",
      ".",
      ".0",
      ".1239999",
      ".1239994",
      ".1239995",
      ".123999499999",
      ".999",
      ".9999",
      ".99995",
      ".9999999",
      "e0",
      "E3",
      "-",
      ".5e1",
    ];
    const tail = this.chance(0.5) ? this.pick(end) : `.${this.#digits(this.integer(12))}`;
    return (this.chance(0.05) ? "-" : "") + digits + (this.chance(0.5) ? "" : tail);
  }

  readonly plainService = (): string => `"${this.pick(SERVICES)}"`;

  readonly service = (): string => {
    const long = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(40);
    switch (this.integer(12)) {
      case 0:
        return `"${long.slice(0, 12 + this.integer(24))}"`;
      case 1:
        return `"${long.slice(0, 60 + this.integer(10))}"`;
      case 2:
        return `"${long.slice(0, this.pick([200, 1022, 1023, 1024, 1025, 1200]))}"`;
      case 3:
        return this.quoted(this.pick(SERVICES), 0.3);
      case 4:
        return `"service-${this.#fresh++}"`;
      case 5:
        return this.pick(['""', "null", "7", "true", '{"service":"orders-api"}', '["orders-api"]']);
      case 6:
        return `"${"é".repeat(this.integer(40))}${this.pick(["", "x"])}"`;
      default:
        return this.pick([
          ...[
            '"\\ud800"',
            '"\ufffd"',
            '"__proto__"',
            '"constructor"',
            '"a\\"b"',
            '"a\\\\"',
            '"\x7f"',
          ],
          ...['"orders-api "', '" orders-api"', '"orders-api\\u0000"', '"orders-api\\u0041"'],
          ...['"\\u0041"', '"A"', '"orders-api\x00"', '"orders-api', '"sixteen-characte\\n"'],
          ...[
            '"fifteen-charact\\u0041"',
            '"x\\',
            '"🚀"',
            '"\\ud83d\\ude80"',
            '"seventeen-charac\t"',
          ],
        ]);
    }
  };

  readonly plainLevel = (): string => `"${this.pick(LEVELS)}"`;

  readonly numberLevel = (): string => this.pick(["10", "20", "30", "40", "50", "60", "3", "17"]);

  readonly level = (): string =>
    this.pick([
      () => `"L${this.integer(60)}"`,
      () => `"level-with-${this.#digits(1 + this.integer(6))}"`,
      () => this.quoted(this.pick(LEVELS), 0.3),
      () => `"${this.integer(70)}"`,
      () => String(this.integer(70)),
      () => this.number(),
      () => this.pick(['""', "null", "true", "{}", '["INFO"]', '"Größe"', '" "', '"INFO ', "1e1"]),
      () => this.pick(["30.0", "030", "3e1", "-3", "30.5", "100000000", "1234567890", "30 "]),
      () => this.pick(['"ıNFO"', '"İNFO"', '"warnıng"', '"INFO\\u0000"', '"INFO\x00"', '"ſ"']),
    ])();

  readonly plainDuration = (): string => {
    switch (this.integer(6)) {
      case 0:
        return String(this.integer(1000));
      case 1:
        return String(this.#random() * 1000);
      default:
        return `${this.integer(2000)}.${this.#digits(1 + this.integer(3))}`;
    }
  };

  readonly duration = (): string =>
    this.chance(0.8)
      ? this.number()
      : this.pick(['"12.7"', "null", "true", "{}", "[1]", '{"duration":5}', '""', "tru", "12 "]);

  readonly number = (): string => {
    switch (this.integer(8)) {
      case 0:
        return String(this.#random() * 10 ** this.integer(14));
      case 1:
        return String(2 ** (this.integer(60) - 25));
      case 2:
        return `${1 + this.integer(9)}${this.#digits(this.integer(17))}`;
      case 3:
        return `${this.integer(100)}.${this.#digits(1 + this.integer(20))}`;
      case 4:
        return `${this.#digits(1 + this.integer(12))}.${this.#digits(this.integer(8))}`;
      default:
        return this.pick(NUMBERS);
    }
  };

  readonly goodString = (): string => {
    const long = this.integer(4) === 0 ? "x".repeat(this.integer(70)) : "";
    const texts = [
      "ok",
      "order accepted in 12 ms",
      'say "hi"',
      "C:\\x",
      "é",
      "",
      long,
      "🚀".repeat(5),
    ];
    return this.quoted(this.pick(texts));
  };

  /** A string that may be broken. */
  readonly string = (): string => {
    let text = '"';
    for (let count = this.integer(10); count >= 0; count--) {
      if (this.chance(0.7)) text += this.pick(PIECES);
      else text += this.chance(0.9) ? this.pick(ODD_PIECES) : this.#brokenEscape();
    }
    return `${text}"`;
  };

  #brokenEscape(): string {
    const digits = ["0", "0", "e", "9"];
    digits[this.integer(4)] = this.pick(HEX_FAULTS);
    return `\\u${digits.join("")}`;
  }

  readonly word = (): string => this.pick(["true", "false", "null"]);

  /** An object or an array that holds names of fields with a meaning. */
  readonly container = (): string => {
    const inner = `"service":"inner","timestamp":"2026-11-20T10:00:00.000Z","level":"ERROR","duration":9`;
    const wide = `[${"1,".repeat(88 + this.integer(20))}2]`;
    return this.pick([
      wide,
      `{${inner}}`,
      `[{${inner}},"x",1.5,null]`,
      "{}",
      "[]",
      "[[]]",
      '{"a":{"b":[1]}}',
    ]);
  };

  /** Any value, `depth` levels down; may be broken. */
  value(depth: number): string {
    const kind = this.integer(depth > 3 ? 7 : 9);
    if (kind === 6) return this.pick(ODD_CONTAINERS);
    if (kind < 2) return this.goodString();
    if (kind === 2) return this.string();
    if (kind < 5) return this.number();
    if (kind === 5) return this.word();
    const values = Array.from({ length: this.integer(4) }, () => this.value(depth + 1));
    if (kind === 7) return `[${values.join(this.pick([",", ", "]))}]`;
    return `{${values.map((value) => `${this.string()}:${value}`).join(",")}}`;
  }
}
