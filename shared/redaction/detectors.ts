/**
 * What is known of texts that should not leave a host: where one may stand, and what proves it.
 *
 * Each detector has a cheap question first, which nearly every text answers with no; then an expression that finds candidates; then, where an
 * expression cannot tell, a proof. Expressions are bounded, so that no text makes them slow.
 */
import { cardLength, ibanLength, isIpv4, isIpv6, isPhoneNumber } from "./proofs.ts";

/** One kind of text. */
export interface Detector {
  /** True when a text may hold one. */
  readonly mayHold: (text: string) => boolean;
  /** Finds candidates; global, with indices. The groups `secret` or `quoted`, where there is one, are what must go, else all of it. */
  readonly pattern: RegExp;
  /** How many of a candidate's code units are one, from its beginning; 0: none. All of them when left out. `before` is what stands before it in the match. */
  readonly lengthOf?: (candidate: string, before: string) => number;
  /** The same text for the same secret, whatever way it is written; for hashes. */
  readonly normalize?: (candidate: string) => string;
}

const has = (needle: string) => (text: string) => text.includes(needle);
const anyOf =
  (...needles: readonly string[]) =>
  (text: string) =>
    needles.some((needle) => text.includes(needle));
const all = (isOne: (candidate: string) => boolean) => (candidate: string) =>
  isOne(candidate) ? candidate.length : 0;
const hasDigit = (text: string) => /\d/.test(text);
const alphanumeric = (text: string) => text.replace(/[^A-Za-z0-9]/g, "");

const AWS_PREFIXES = ["AKIA", "ASIA", "AGPA", "AIDA", "AIPA", "ANPA", "ANVA", "AROA"];
const KEY_PREFIXES = [
  ...["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "npm_", "pypi-"],
  ...["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
  ...["sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "whsec_", "sk-"],
  ...["AIza", "ya29.", "SG.", "dop_v1_", "shpat_", "hvs.", "key-"],
];

/** Names before a value that say that it is a secret. */
const SECRET_NAMES =
  "pass(?:word|wd|phrase)?|pwd|secret|(?:client|app)[_-]?secret|(?:access|auth|refresh|session|bearer|id|api|csrf|xsrf)?[_-]?token|api[_-]?key|(?:secret|signing|encryption|shared)[_-]?key|(?:secret[_-]?)?access[_-]?key|aws_secret_access_key|private[_-]?key|authorization|credentials?";
/** Names that are also words of prose, of counts (`token: 12`) and of kinds (`token: refresh`). */
const PROSE_NAME = /(?:token|secret|credentials?)["'\\]*\s*(?:[:=]|$)/i;

/** Cookies in which servers keep who somebody is, and the ways to write a session's number. */
const SESSION_COOKIES =
  "jsessionid|phpsessid|aspsessionid[a-z]{0,16}|asp\\.net_sessionid|connect\\.sid|[a-z]{1,24}_session|__(?:secure|host)-[\\w-]{1,40}";

/**
 * Where such a name may begin: at a word, behind parts of a longer name (`db_password`), at a capital within one (`dbPassword`). What ends with
 * `password` is one however it is written (`PGPASSWORD`).
 */
const NAME_BEGIN =
  "(?:(?<![A-Za-z0-9])(?:[A-Za-z0-9]{1,32}[_.-]){0,3}|(?-i:(?<=[a-z0-9])(?=[A-Z]))|(?=passw(?:or)?d|passphrase))";

/** Longest value of a name; of a longer one the rest stays. No line of an agent is longer. */
const VALUE_LENGTH_MAX = 1_048_576;

/** One `name=value` of a cookie header (RFC 6265, section 4.2.1). */
const COOKIE_PAIR = "[^\\s=;,\"'\\\\]{1,128}=[^\\s;,\"'\\\\]{0,4096}";

/** What says before a secret how it is to be used (RFC 9110, section 11.1, and what some products have of their own). */
const SCHEMES =
  "bearer|basic|token|negotiate|ntlm|kerberos|api-?key|dpop|hoba|splunk|geniekey|sso-key";
const SCHEME = new RegExp(`^(?:${SCHEMES})$`, "i");

/**
 * A value in quotes ends at the next quote of its kind; within other quotes both are written with a backslash. Nothing follows in the expression,
 * so that a long one takes no longer than its length.
 */
const QUOTED = [
  `"(?<quoted>(?:[^"\\\\]|\\\\[^]){1,${VALUE_LENGTH_MAX}})`,
  `'(?<quoted>(?:[^'\\\\]|\\\\[^]){1,${VALUE_LENGTH_MAX}})`,
  `\\\\"(?<quoted>[^"\\\\]{1,${VALUE_LENGTH_MAX}})`,
  `\\\\'(?<quoted>[^'\\\\]{1,${VALUE_LENGTH_MAX}})`,
].join("|");

/** The next item of a list of quoted texts, from where one ends. */
export const NEXT_ITEM: RegExp = new RegExp(`\\\\?["']\\s{0,3},\\s{0,3}(?:${QUOTED})`, "dy");

/** Not what stands for no value, nor a plain word behind a name that is also one of prose: `unexpected token: comma`. */
function credentialLength(candidate: string, before: string): number {
  if (/^(?:null|true|false|none|nil|undefined|bearer|basic|\*+|x+)$/i.test(candidate)) return 0;
  if (/authorization["'\\]*\s*[:=]/i.test(before) && SCHEME.test(candidate)) return 0;
  const isProse = PROSE_NAME.test(before) && /^(?:[A-Za-z]{1,19}[.!?]?|\d{1,6})$/.test(candidate);
  return isProse ? 0 : candidate.length;
}

/** True of base64 of random bytes: capitals, small letters and digits; hexadecimal hashes have the same length. */
function isKeyMaterial(candidate: string): boolean {
  return /[A-Z]/.test(candidate) && /[a-z]/.test(candidate) && /\d/.test(candidate);
}

/** All detectors, by the names that configurations use. */
export const DETECTORS = {
  /** Access keys of AWS, by their form; secret ones are found by `credential`, by the name before them. */
  aws_key: {
    mayHold: anyOf(...AWS_PREFIXES),
    pattern: new RegExp(
      `(?<![A-Za-z0-9])(?:${AWS_PREFIXES.join("|")})[A-Z0-9]{16}(?![A-Za-z0-9])`,
      "dg",
    ),
  },
  /** Keys whose form their makers gave them so that they can be found. */
  api_key: {
    mayHold: anyOf(...KEY_PREFIXES),
    pattern:
      /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{30,255}|glpat-[\w-]{20,64}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,255}|xox[abprs]-[\w-]{10,255}|xapp-[\w-]{10,255}|[sr]k_(?:live|test)_\w{16,255}|pk_live_\w{16,255}|whsec_[\w+/=]{16,255}|sk-[\w-]{20,255}|AIza[\w-]{35}|ya29\.[\w-]{20,255}|SG\.[\w-]{16,64}\.[\w-]{16,64}|dop_v1_[0-9a-f]{64}|shpat_[0-9a-f]{32}|hvs\.[\w-]{20,255}|key-[0-9a-f]{32})(?![A-Za-z0-9])/dg,
  },
  /** Numbers of payment cards: 12 to 19 digits of a known issuer whose check digit (Luhn) fits. */
  card: {
    mayHold: hasDigit,
    pattern: /(?<![A-Za-z0-9]|\d[.,])\d(?:[ -]?\d){11,18}(?![A-Za-z0-9]|[.,]\d)/dg,
    lengthOf: cardLength,
    normalize: alphanumeric,
  },
  /** What stands behind a name such as `password=` or `"api_key":`. */
  credential: {
    mayHold: (text) => /pass|pwd|secret|token|key|authorization|credential/i.test(text),
    pattern: new RegExp(
      `${NAME_BEGIN}(?:${SECRET_NAMES})\\\\?["']?\\s{0,3}(?::=|=>|[:=])\\s{0,3}(?:(?:\\[\\s{0,3})?(?:${QUOTED})|(?:(?:${SCHEMES})\\s{1,3})?(?<secret>[^\\s"'\\\\,;&<>{}()[\\]]{3,${VALUE_LENGTH_MAX}}))`,
      "dgi",
    ),
    lengthOf: credentialLength,
  },
  /** All values of a `Cookie` or `Set-Cookie` header, and of cookies that are known to name a session, wherever they stand. */
  cookie: {
    mayHold: (text) => /cookie|sess(?:ion)?id|_session|connect\.sid|__(?:secure|host)-/i.test(text),
    pattern: new RegExp(
      `(?:(?<![A-Za-z0-9])(?:set-?)?cookies?\\\\?["']?\\s{0,3}[:=]\\s{0,3}(?:\\[\\s{0,3})?(?:${QUOTED}|(?<secret>${COOKIE_PAIR}(?:;\\s?${COOKIE_PAIR}|;\\s?[A-Za-z]{4,12}(?![^\\s;]))*))|(?<![A-Za-z0-9])(?:${SESSION_COOKIES})\\\\?["']?\\s{0,3}(?:=>|[:=])\\s{0,3}(?:${QUOTED}|(?<secret>[^\\s"'\\\\,;&<>{}()[\\]]{3,4096})))`,
      "dgi",
    ),
    lengthOf: credentialLength,
  },
  email: {
    mayHold: anyOf("@", "%40"),
    pattern:
      /(?<![\p{L}\p{N}._+-])[\p{L}\p{N}_][\p{L}\p{N}._+'-]{0,63}(?:@|%40)(?!\d+\.\d)(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}])/dgu,
    normalize: (candidate) => candidate.toLowerCase().replace("%40", "@"),
  },
  iban: {
    mayHold: (text) => /[A-Za-z]{2}\d{2}/.test(text),
    pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}/dg,
    lengthOf: ibanLength,
    normalize: (candidate) => alphanumeric(candidate).toUpperCase(),
  },
  ipv4: {
    mayHold: (text) => text.includes(".") && hasDigit(text),
    pattern: /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/dg,
    lengthOf: all(isIpv4),
  },
  ipv6: {
    mayHold: (text) => /:[0-9A-Fa-f]{0,4}:/.test(text),
    pattern: /(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\d)/dg,
    lengthOf: all(isIpv6),
    normalize: (candidate) => candidate.toLowerCase(),
  },
  /** JSON web tokens, signed or encrypted. */
  jwt: {
    mayHold: has("eyJ"),
    pattern: /(?<![\w-])eyJ[\w-]{8,8192}(?:\.[\w-]{0,16384}){2,4}/dg,
  },
  /** International numbers with `+`, and those of North America with separators. */
  phone: {
    mayHold: (text) => /\d{2}/.test(text) && /[+().-]|\d \d/.test(text),
    pattern:
      /(?<![\w+.])(?:(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{1,5}){1,5}|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}([ .-])\d{3}\1\d{4})(?![\w-]|\.\d)/dg,
    lengthOf: all(isPhoneNumber),
    normalize: (candidate) => candidate.replace(/[^\d+]/g, "").replace(/^00/, "+"),
  },
  /**
   * Keys in PEM (RFC 7468), packed in base64 once more, and lines of one that came alone: 64 characters, the last line up to its end. That one is
   * looked for only where it may begin: from each of its characters, a long text in base64 would take fifty times as long.
   */
  private_key: {
    mayHold: (text) =>
      text.includes("PRIVATE KEY") ||
      text.includes("LS0tLS1CRUdJTi") ||
      /[A-Za-z0-9+/]{64}/.test(text),
    pattern:
      /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----(?:[^-]|-(?!----)){0,65536}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?|(?:(?<=^|[^A-Za-z0-9+/=]|\\[rn])[A-Za-z0-9+/=]{1,65536}(?:\\[rn]|\s){1,4})?-----END [A-Z ]{0,32}PRIVATE KEY-----|LS0tLS1CRUdJTi[A-Za-z0-9+/=]{0,65536}|(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{64}(?![A-Za-z0-9+/=_-])/dg,
    lengthOf: (candidate) =>
      candidate.length !== 64 || candidate.includes("-") || isKeyMaterial(candidate)
        ? candidate.length
        : 0,
  },
  /** Numbers of sessions under any name; found only when it is named, because rules and profiles may need them. */
  session_id: {
    mayHold: (text) => /sess/i.test(text),
    pattern: new RegExp(
      `${NAME_BEGIN}(?:sess(?:ion)?[_-]?(?:id|key)|sessid)\\\\?["']?\\s{0,3}(?:=>|[:=])\\s{0,3}(?:${QUOTED}|(?<secret>[^\\s"'\\\\,;&<>{}()[\\]]{3,4096}))`,
      "dgi",
    ),
    lengthOf: credentialLength,
  },
  /** The password in an address such as `postgres://user:password@host`. */
  url_password: {
    mayHold: (text) => text.includes("://") && text.includes("@"),
    pattern:
      /(?<=[A-Za-z][A-Za-z0-9+.-]{0,32}:\/\/[^\s/?#:"'<>]{0,256}:)(?:[^\s/?#"'<>]{1,512}(?=@)|(?!\d{1,5}[/?#])[^\s"'<>@]{1,256}(?=@))/dg,
  },
} as const satisfies Record<string, Detector>;

/** Name of a built-in detector. */
export type DetectorName = keyof typeof DETECTORS;

/**
 * In this order they look at a text: what stands in something larger comes later. Secrets that are found by their form come before those that
 * are found by the name before them.
 */
export const DETECTOR_NAMES = [
  "private_key",
  "url_password",
  "jwt",
  "api_key",
  "aws_key",
  "cookie",
  "session_id",
  "credential",
  "email",
  "iban",
  "card",
  "phone",
  "ipv6",
  "ipv4",
] as const satisfies readonly DetectorName[];

/** What holds when nothing is configured: what no store of logs has any use for. */
export const DETECTORS_DEFAULT: readonly DetectorName[] = [
  ...(["private_key", "url_password", "jwt", "api_key", "aws_key", "cookie"] as const),
  ...(["credential", "iban", "card"] as const),
];

const FIELD_BEGIN = "(?:^|[_.-]|(?-i:(?<=[a-z0-9])(?=[A-Z]))|(?=passw(?:or)?d|passphrase))";

/** Names of fields whose value is a secret as a whole, by the detector that says so. */
const SECRET_FIELDS = {
  cookie: new RegExp(`(?:^|[_.-])(?:set-?)?cookies?$|^(?:${SESSION_COOKIES})$`, "i"),
  session_id: new RegExp(`${FIELD_BEGIN}(?:sess(?:ion)?[_-]?(?:id|key)|sessid)$`, "i"),
  credential: new RegExp(`${FIELD_BEGIN}(?:${SECRET_NAMES})$`, "i"),
} as const satisfies Partial<Record<DetectorName, RegExp>>;

/** The detector by which the value of a field is a secret as a whole because of the field's name; undefined when it may be none. */
export function secretFieldDetector(name: string, value: string): DetectorName | undefined {
  if (value === "") return undefined;
  if (SECRET_FIELDS.cookie.test(name)) return "cookie";
  if (SECRET_FIELDS.session_id.test(name)) return "session_id";
  if (!SECRET_FIELDS.credential.test(name)) return undefined;
  return credentialLength(value, name) === 0 ? undefined : "credential";
}
