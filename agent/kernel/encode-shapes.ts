/** Lays a format's shapes out for the kernel; `assembly/shape-tree.ts` and `assembly/line-times.ts` have the same numbers. */

import { assert, present } from "../../shared/assert.ts";
import { DURATION_UNITS, type EventOptions } from "../../shared/events/event-options.ts";
import {
  ISO_PREFIX_LAYOUT,
  type LayoutField,
  type LayoutStep,
  parseLayout,
} from "../../shared/time/time-layout.ts";
import {
  AT_END,
  compileShapes,
  type NodeKind,
  type ShapeChoices,
  type ShapeNode,
} from "../parsers/line-shape.ts";
import { leafOf } from "../parsers/shape-parser.ts";

const KINDS: readonly NodeKind[] = [
  ...(["text", "space", "time", "clock", "level", "status", "word", "name"] as const),
  ...(["int", "number", "until", "last", "rest", "end"] as const),
];
const LEVEL_DETAILS = ["", "upper", "letter", "mark", "near"];
/** Units of durations in the order of the kernel's numbers for them; the first is the source's. */
const UNITS = ["", "s", "ms", "us", "ns"];
/** Kinds of steps of a layout, behind text, point and group. */
const FIELDS: readonly LayoutField[] = [
  ...(["year", "shortYear", "month", "monthName", "day", "weekday", "hour"] as const),
  ...(["halfDayHour", "halfDay", "minute", "second", "fraction", "zone"] as const),
];
const STEP_TEXT = 0;
const STEP_POINT = 1;
const STEP_OPTIONAL = 2;
const STEP_FIELDS = 3;
const STEP_EPOCH = 16;
const LAYOUT_OTHER = 0;
const LAYOUT_ISO_PREFIX = 1;

const NODE_WORDS = 9;
/** Added to the address of a table or of a list. */
const IS_MANY = 1;
const LINE_FEED = 0x0a;
const WORD_BYTES = 4;

/** A tree in the kernel's memory, at the place that it was made for. */
export interface EncodedShapes {
  readonly bytes: Buffer;
  /** Address of the choices at the beginning of a line. */
  readonly roots: number;
  readonly slotCount: number;
}

/** The tree of `shapes`, to lie at `address`. */
export function encodeShapes(
  shapes: readonly string[],
  options: EventOptions,
  address: number,
): EncodedShapes {
  const { roots, slotCount } = compileShapes(shapes);
  const encoder = new Encoder(options, address);
  const rootsAt = encoder.choices(roots, []);
  return { bytes: encoder.bytes(), roots: rootsAt, slotCount };
}

/** The steps of a layout as bytes. */
function encodeSteps(steps: readonly LayoutStep[]): number[] {
  return steps.flatMap((step) => {
    if (step.kind === "text") return [STEP_TEXT, step.bytes.length, ...step.bytes];
    if (step.kind === "point") return [STEP_POINT, 0];
    if (step.kind === "epoch") return [STEP_EPOCH, 0];
    if (step.kind === "field") {
      return [STEP_FIELDS + FIELDS.indexOf(step.field), step.isLoose ? 1 : 0];
    }
    const inner = encodeSteps(step.steps);
    return [STEP_OPTIONAL, inner.length, ...inner];
  });
}

class Encoder {
  readonly #options: EventOptions;
  readonly #address: number;
  #parts: Buffer[] = [];
  #length = 0;
  /** What was laid out already, by its bytes: many nodes begin with the same bytes. */
  readonly #known = new Map<string, number>();

  constructor(options: EventOptions, address: number) {
    this.#options = options;
    this.#address = address;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /**
   * Lays choices out, and everything that may come after them; returns where: a single node, or a table by byte of such nodes and lists of
   * nodes. `path` leads to them.
   */
  choices({ nodes }: ShapeChoices, path: readonly ShapeNode[]): number {
    const places = new Map(nodes.map((node) => [node, this.#node(node, path)]));
    const placeOf = (node: ShapeNode): number => present(places.get(node), "its place");
    const [only] = nodes;
    if (nodes.length === 1 && only !== undefined) return placeOf(only);
    const table = Array.from({ length: AT_END + 1 }, (_, byte) => {
      const fitting = nodes.filter(({ first }) => first[byte] === 1).map(placeOf);
      return fitting.length < 2 ? (fitting[0] ?? 0) : this.#words([...fitting, 0]) + IS_MANY;
    });
    return this.#words(table) + IS_MANY;
  }

  #node(node: ShapeNode, path: readonly ShapeNode[]): number {
    const way = [...path, node];
    const [only, other] = node.next.nodes;
    // Spaces behind a value are taken with it, the end with the rest of a line.
    const spaces = other === undefined && only?.kind === "space" && only.detail === "" ? only : undefined;
    const end = node.kind === "end" ? path : node.kind === "rest" ? way : undefined;
    const [text, textBytes] = this.#textOf(node);
    const words = [
      KINDS.indexOf(node.kind),
      Math.max(node.slot, 0),
      detailOf(node),
      text,
      textBytes,
      this.#put(Buffer.from(node.first)),
      end === undefined ? this.choices(spaces?.next ?? node.next, spaces ? [...way, spaces] : way) : 0,
      spaces === undefined ? 0 : 1,
      end === undefined ? 0 : this.#leaf(end),
    ];
    assert(words.length === NODE_WORDS, "a node has so many words");
    return this.#words(words);
  }

  /** The bytes of a text, or the steps of a layout; and their length. */
  #textOf(node: ShapeNode): readonly [number, number] {
    if (node.kind !== "time") return [this.#put(Buffer.from(node.bytes)), node.bytes.length];
    const layout = parseLayout(node.detail);
    assert(typeof layout !== "string", `the layout ${node.detail} of a shape is right`);
    const steps = encodeSteps(layout);
    return [this.#put(Buffer.from(steps)), steps.length];
  }

  #leaf(path: readonly ShapeNode[]): number {
    const { time, level, slots } = leafOf(path, this.#options);
    const durations = slots.duration.map((slot) => {
      const detail = path.find((node) => node.slot === slot)?.detail ?? "";
      const unit = DURATION_UNITS.find((known) => known === detail) ?? "";
      return [slot, UNITS.indexOf(unit)];
    });
    return this.#words([
      ...[time, level, slots.service.length, ...slots.service],
      ...[durations.length, ...durations.flat()],
    ]);
  }

  #words(values: readonly number[]): number {
    const words = Buffer.alloc(values.length * WORD_BYTES);
    values.forEach((value, index) => words.writeInt32LE(value, index * WORD_BYTES));
    return this.#put(words);
  }

  #put(bytes: Buffer): number {
    const key = bytes.toString("latin1");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const place = this.#address + this.#length;
    const padded = Buffer.alloc(Math.ceil((bytes.length + 1) / WORD_BYTES) * WORD_BYTES);
    bytes.copy(padded);
    this.#parts.push(padded);
    this.#length += padded.length;
    this.#known.set(key, place);
    return place;
  }
}

function detailOf({ kind, name, detail, bytes }: ShapeNode): number {
  if (kind === "level") return LEVEL_DETAILS.indexOf(detail);
  if (kind === "space") return detail === "?" ? 1 : 0;
  if (kind === "time") return detail === ISO_PREFIX_LAYOUT ? LAYOUT_ISO_PREFIX : LAYOUT_OTHER;
  // Lines of a stack trace that were joined are no place to look for the end of a name.
  if (kind === "until" || kind === "last") return bytes[0] !== LINE_FEED && name !== "_" ? 1 : 0;
  return 0;
}
