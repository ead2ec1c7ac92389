/**
 * Texts of which a line of JSON must hold one, byte for byte, if a selector can match it: most lines hold none, and are passed over without
 * being parsed.
 *
 * A comparison with a text can only hold where the line writes the text, one with a number only where the line writes the field's name, since a
 * field that is absent is null and null compares with nothing. Texts of ASCII letters and the like can be written in two ways only: as they
 * are, or with an escape that begins with `\u00`; so that escape is a needle, too.
 */
import type { CompiledSelector, SelectorPart } from "../../shared/events/compile-selectors.ts";
import type { Expression, TextCall, Value } from "../../shared/expression/parse.ts";

/** More searches per line than this cost as much as parsing it. */
const NEEDLES_MAX = 16;
/** A shorter text stands in too many lines to tell them apart: the field's name is taken instead. */
const TEXT_LENGTH_MIN = 3;
/** Everything printable but `"`, `\` and `/`, which have escapes of their own. */
const PLAIN = /^[ !#-.0-[\]-~]+$/;
const ESCAPE = "\\u00";

/** What a line may get from elsewhere. */
export interface NotInLines {
  /** Names of fields whose value may stand nowhere in the line, or written otherwise. */
  readonly names: ReadonlySet<string>;
  /** The service of lines that name none; any other stands in the line, whatever its field is called there. */
  readonly service: string;
  /** Names besides `level` under which lines may say their level, in other words. */
  readonly levelNames: readonly string[];
}

/** The level of lines that say none. */
const LEVEL_DEFAULT = "INFO";

/** The needles of a selector; undefined when a line without any text in particular may match. */
export function needlesOf(
  selector: CompiledSelector,
  notInLines: NotInLines,
): readonly Buffer[] | undefined {
  const finder = new NeedleFinder(notInLines);
  const needles = finder.any(selector.parts, (part) => finder.ofPart(part));
  if (needles === undefined || needles.size > NEEDLES_MAX) return undefined;
  return [...needles, ESCAPE].map((text) => Buffer.from(text));
}

type Needles = ReadonlySet<string> | undefined;

class NeedleFinder {
  private readonly notInLines: NotInLines;

  constructor(notInLines: NotInLines) {
    this.notInLines = notInLines;
  }

  /** One of several must match: the needles of all; none when one has none. */
  any<T>(parts: readonly T[], needlesOfPart: (part: T) => Needles): Needles {
    const union = new Set<string>();
    for (const part of parts) {
      const needles = needlesOfPart(part);
      if (needles === undefined) return undefined;
      for (const needle of needles) union.add(needle);
    }
    return union;
  }

  /** Keys and conditions must both match: either's needles do. */
  ofPart({ keys, where }: SelectorPart): Needles {
    const ofKeys = keys.length === 0 ? undefined : this.any(keys, (name) => this.ofName(name));
    const ofWhere =
      where.length === 0 ? undefined : this.any(where, (condition) => this.of(condition));
    return fewer(ofWhere, ofKeys);
  }

  /** What must stand in a line of which the expression is true. */
  private of(expression: Expression): Needles {
    switch (expression.kind) {
      case "name":
        return this.ofName(expression.name);
      case "logical": {
        const sides = [expression.left, expression.right];
        if (expression.operator === "||") return this.any(sides, (side) => this.of(side));
        return fewer(this.of(expression.left), this.of(expression.right));
      }
      case "comparison":
        return this.ofComparison(expression);
      case "in":
        if (expression.operand.kind !== "name") return undefined;
        return this.ofValues(expression.operand.name, expression.values);
      case "text":
        return this.ofTextCall(expression);
      default:
        return undefined;
    }
  }

  /** What a text contains stands in the line; a level or a service may be written otherwise. */
  private ofTextCall({ operands: [text, part] }: TextCall): Needles {
    if (text?.kind !== "name" || part?.kind !== "literal") return undefined;
    const isOtherwise = text.name === "level" || text.name === "service";
    return isOtherwise ? undefined : this.ofValues(text.name, [part.value]);
  }

  private ofComparison({ operator, left, right }: Comparison): Needles {
    if (operator === "!=") return undefined;
    const isForward = left.kind === "name";
    const [name, value] = isForward ? [left, right] : [right, left];
    if (name.kind !== "name" || value.kind !== "literal") return undefined;
    // What is less or greater than a text holds that text no more than any other.
    return operator === "==" ? this.ofValues(name.name, [value.value]) : this.ofName(name.name);
  }

  /** What must stand in a line whose field has one of these values. */
  private ofValues(name: string, values: readonly Value[]): Needles {
    const { names, service } = this.notInLines;
    if (name === "level") return this.ofLevels(values);
    if (names.has(name) && name !== "service") return undefined;
    return this.any(values, (value) => {
      if (value === null || (name === "service" && value === service)) return undefined;
      const isText = typeof value === "string" && value.length >= TEXT_LENGTH_MIN;
      return isText && PLAIN.test(value) ? new Set([value]) : this.ofName(name);
    });
  }

  /** A level that stands in no line as it is was told under another name, or not at all. */
  private ofLevels(values: readonly Value[]): Needles {
    const { levelNames } = this.notInLines;
    if (values.includes(LEVEL_DEFAULT)) return undefined;
    const parts = [...values, ...levelNames];
    return this.any(parts, (text) =>
      typeof text === "string" && PLAIN.test(text) ? new Set([text]) : undefined,
    );
  }

  /** What must stand in a line that has a field of this name. */
  private ofName(name: string): Needles {
    const isOwn = PLAIN.test(name) && !this.notInLines.names.has(name) && name !== "type";
    return isOwn ? new Set([name]) : undefined;
  }
}

type Comparison = Extract<Expression, { readonly kind: "comparison" }>;

function fewer(one: Needles, other: Needles): Needles {
  if (one === undefined || other === undefined) return one ?? other;
  return one.size <= other.size ? one : other;
}
