/** From `redact:` to a function over texts. */
import { createHmac } from "node:crypto";
import {
  DETECTOR_NAMES,
  DETECTORS,
  type Detector,
  NEXT_ITEM,
  secretFieldDetector,
} from "./detectors.ts";
import type { RedactAction, RedactionConfig } from "./redaction-config.ts";
import { REDACTOR_NONE, type Redactor } from "./redactor.ts";

/** Longer texts are cut before they are looked at, where only their start is wanted. */
const LOOK_FACTOR = 16;
/** No secret that is found is longer than this, but keys in PEM, which are found by their start. */
const CUT_MARGIN = 640;
/** Depth of values within each other that is looked at; deeper ones do not leave. */
const DEPTH_MAX = 16;
/** Numbers of fewer digits are no secret. */
const NUMBER_MIN = 1e9;

interface Rule {
  readonly name: string;
  readonly action: RedactAction;
  readonly detector: Detector;
}

/** Compiles what a configuration says. */
export function compileRedaction(config: RedactionConfig): Redactor {
  const rules = [...patternRules(config), ...detectorRules(config)];
  return rules.length === 0 ? REDACTOR_NONE : new RuleRedactor(rules, config);
}

function patternRules({ patterns, action }: RedactionConfig): Rule[] {
  return patterns.map((entry) => ({
    name: entry.name,
    action: entry.action ?? action,
    detector: { mayHold: () => true, pattern: new RegExp(entry.pattern, "dgu") },
  }));
}

function detectorRules({ detectors, action }: RedactionConfig): Rule[] {
  const actions = new Map(
    detectors.map((entry) =>
      typeof entry === "string" ? [entry, action] : [entry.name, entry.action],
    ),
  );
  return DETECTOR_NAMES.flatMap((name) => {
    const found = actions.get(name);
    return found === undefined ? [] : [{ name, action: found, detector: DETECTORS[name] }];
  });
}

class RuleRedactor implements Redactor {
  readonly isActive = true;
  private readonly rules: readonly Rule[];
  private readonly key: string;
  private readonly byName: ReadonlyMap<string, Rule>;

  constructor(rules: readonly Rule[], config: RedactionConfig) {
    this.rules = rules;
    this.key = config.key ?? "";
    // A pattern of one's own may have the name of a detector, which comes later and so counts.
    this.byName = new Map(rules.map((rule) => [rule.name, rule]));
  }

  redact(text: string): string | undefined {
    return text.includes("\\") ? this.redactEscaped(text) : this.redactPlain(text);
  }

  redactStart(text: string, length: number): string | undefined {
    const lookLength = length * LOOK_FACTOR;
    if (text.length <= lookLength) return this.redact(text)?.slice(0, length);
    const redacted = this.redact(text.slice(0, beforeCutToken(text, lookLength)));
    // Something at the cut may be half a secret, which nothing finds.
    return redacted?.slice(0, Math.max(0, Math.min(length, redacted.length - CUT_MARGIN)));
  }

  redactField(name: string, value: unknown, depth = 0): unknown {
    const rule = this.ruleOfField(name, value);
    if (rule !== undefined) return this.replacement(rule, String(value));
    if (typeof value === "string") return this.redact(value);
    if (typeof value === "number") return this.redactNumber(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth >= DEPTH_MAX) return undefined;
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => this.redactField(name, item, depth + 1));
      return items.map((item) => (item === undefined ? null : item));
    }
    const kept: [string, unknown][] = [];
    for (const [key, item] of Object.entries(value)) {
      const name = this.redact(key);
      const redacted = this.redactField(key, item, depth + 1);
      if (name !== undefined && redacted !== undefined) kept.push([name, redacted]);
    }
    return Object.fromEntries(kept);
  }

  /** A number whose digits are a secret becomes a text. */
  private redactNumber(value: number): unknown {
    if (Math.abs(value) < NUMBER_MIN) return value;
    const text = String(value);
    const redacted = this.redact(text);
    return redacted === text ? value : redacted;
  }

  /** A JSON line may write any character in several ways: then its values are looked at, not its bytes. */
  private redactEscaped(text: string): string | undefined {
    const value = text.startsWith("{") ? parseJson(text) : undefined;
    if (value === undefined) return this.redactPlain(unescaped(text));
    if (this.isDropped("", value)) return undefined;
    const redacted = this.redactPlain(JSON.stringify(this.redactField("", value)));
    // Where nothing was found the line stays as its program wrote it. A name that comes twice has a value in it that was not looked at.
    return redacted === JSON.stringify(value) ? this.redactPlain(text) : redacted;
  }

  /** True when a value within another must not leave: of a text nothing leaves then. What lies deeper than is looked at does not leave anyway. */
  private isDropped(name: string, value: unknown, depth = 0): boolean {
    if (!this.rules.some(({ action }) => action === "drop")) return false;
    if (this.ruleOfField(name, value)?.action === "drop") return true;
    if (typeof value === "string") return this.redact(value) === undefined;
    if (typeof value === "number") return this.redactNumber(value) === undefined;
    if (typeof value !== "object" || value === null || depth >= DEPTH_MAX) return false;
    if (Array.isArray(value)) {
      return value.some((item: unknown) => this.isDropped(name, item, depth + 1));
    }
    return Object.entries(value).some(
      ([key, item]) => this.redact(key) === undefined || this.isDropped(key, item, depth + 1),
    );
  }

  /** The rule by which a value is a secret as a whole because of its name. */
  private ruleOfField(name: string, value: unknown): Rule | undefined {
    if (name === "" || (typeof value !== "string" && typeof value !== "number")) return undefined;
    const detector = secretFieldDetector(name, String(value));
    return detector === undefined ? undefined : this.byName.get(detector);
  }

  private redactPlain(text: string): string | undefined {
    let redacted = text;
    for (const rule of this.rules) {
      if (!rule.detector.mayHold(redacted)) continue;
      const next = this.apply(rule, redacted);
      if (next === undefined) return undefined;
      redacted = next;
    }
    return redacted;
  }

  private apply(rule: Rule, text: string): string | undefined {
    const { pattern, lengthOf } = rule.detector;
    let kept = "";
    let keptTo = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const groups = match.indices?.groups;
      const whole: readonly [number, number] = [match.index, match.index + match[0].length];
      const [from, to] = groups?.["quoted"] ?? groups?.["secret"] ?? whole;
      const candidate = text.slice(from, to);
      const length = lengthOf?.(candidate, text.slice(match.index, from)) ?? candidate.length;
      if (length === 0) {
        // Something may begin within what was none.
        pattern.lastIndex = match.index + 1;
        continue;
      }
      const replacement = this.replacement(rule, candidate.slice(0, length));
      if (replacement === undefined) return undefined;
      kept += text.slice(keptTo, from) + replacement;
      keptTo = from + length;
      // The first of a list is as good as all of them.
      let item = text.slice(match.index, from).includes("[") ? nextItem(text, keptTo) : undefined;
      for (; item !== undefined; item = nextItem(text, keptTo)) {
        kept += text.slice(keptTo, item[0]) + replacement;
        keptTo = item[1];
      }
      pattern.lastIndex = keptTo;
    }
    return keptTo === 0 ? text : kept + text.slice(keptTo);
  }

  private replacement({ name, action, detector }: Rule, found: string): string | undefined {
    if (action === "drop") return undefined;
    if (action === "mask") return `[${name}]`;
    const text = detector.normalize?.(found) ?? found;
    const bytes = createHmac("sha256", this.key).update(text).digest().subarray(0, 8);
    // Letters only: digits could look like another secret.
    const letters = [...bytes].flatMap((byte) => [byte >>> 4, byte & 15]);
    return `[${name}:${String.fromCharCode(...letters.map((nibble) => 97 + nibble))}]`;
  }
}

/** Where a text can be cut at `end` or before, so that no web token is cut: those are longer than the margin, and half of one nothing finds. */
function beforeCutToken(text: string, end: number): number {
  let from = end;
  while (from > 0 && /[\w.-]/.test(text[from - 1] ?? "")) from--;
  const token = text.slice(from, end).search(/(?<![\w-])eyJ/);
  return token < 0 ? end : from + token;
}

/** Where the item of a list behind the one that ends at `from` stands; undefined when there is none. */
function nextItem(text: string, from: number): readonly [number, number] | undefined {
  NEXT_ITEM.lastIndex = from;
  return NEXT_ITEM.exec(text)?.indices?.groups?.["quoted"];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON after all: it is looked at as it is.
    return undefined;
  }
}

/** Escapes of printable characters are undone, but those of quotes and backslashes, so that JSON stays JSON. */
function unescaped(text: string): string {
  return text
    .replace(/\\u00([2-7][0-9a-f])/gi, (whole, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return /["\\\x7f]/.test(character) ? whole : character;
    })
    .replaceAll("\\/", "/");
}
