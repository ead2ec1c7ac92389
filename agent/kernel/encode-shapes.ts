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

/** A node: a byte each for kind, flags, detail and the length of its text; then words, the first bytes of the text, and what it may begin with. */
const NODE_BYTES = 64;
const NODE_SLOT = 4;
const NODE_CHOICES = 8;
const NODE_TEXT = 12;
const NODE_HEAD = 16;
const NODE_FIRST = 32;
const FLAG_SPACED = 1;
const FLAG_AT_END = 2;
const TEXT_BYTES_MAX = 255;
const SLOT_BYTES = 16;
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

/** The tree of `shapes`, to lie at `address`, a multiple of 64; its length is one, too. */
export function encodeShapes(
  shapes: readonly string[],
  options: EventOptions,
  address: number,
): EncodedShapes {
  const encoder = new Encoder(options, address);
  const roots = encoder.choices(compileShapes(shapes).roots, []);
  return { bytes: encoder.bytes(), roots, slotCount: encoder.slotCount };
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
  /** The kernel's number of each slot that is asked for at an end. */
  readonly #slots = new Map<number, number>();

  constructor(options: EventOptions, address: number) {
    this.#options = options;
    this.#address = address;
  }

  bytes(): Buffer {
    this.#append(Buffer.alloc(-this.#length & (NODE_BYTES - 1)));
    return Buffer.concat(this.#parts);
  }

  get slotCount(): number {
    return this.#slots.size + 1;
  }

  /**
   * Lays choices out, and everything that may come after them; returns where: a single node, or a table by byte of such nodes and lists of
   * nodes. `path` leads to them.
   */
  choices({ nodes, byByte }: ShapeChoices, path: readonly ShapeNode[]): number {
    const places = new Map(nodes.map((node) => [node, this.#node(node, path)]));
    const placeOf = (node: ShapeNode): number => present(places.get(node), "its place");
    const [only] = nodes;
    if (nodes.length === 1 && only !== undefined) return placeOf(only);
    // Most bytes have the same list as another.
    const entries = new Map<readonly ShapeNode[], number>();
    const table = Array.from({ length: AT_END + 1 }, (_, byte) => {
      const fitting = byByte?.[byte] ?? nodes.filter(({ first }) => first[byte] === 1);
      const [sole, other] = fitting;
      if (sole === undefined) return 0;
      if (other === undefined) return placeOf(sole);
      const entry = entries.get(fitting) ?? this.#words([...fitting.map(placeOf), 0]) + IS_MANY;
      entries.set(fitting, entry);
      return entry;
    });
    return this.#place(wordsOf(table), WORD_BYTES) + IS_MANY;
  }

  /** A node fills a line of the processor's cache, with all that most lines need of it. */
  #node(node: ShapeNode, path: readonly ShapeNode[]): number {
    const way = [...path, node];
    const [only, other] = node.next.nodes;
    // Spaces behind a value are taken with it, the end with the rest of a line.
    const isSpaced = other === undefined && only?.kind === "space" && only.detail === "";
    const end = node.kind === "end" ? path : node.kind === "rest" ? way : undefined;
    const next = isSpaced ? only.next : node.next;
    const choices = end === undefined ? this.choices(next, isSpaced ? [...way, only] : way) : 0;
    const text = textOf(node);
    assert(text.length <= TEXT_BYTES_MAX, "a text or a layout of a shape is short");
    const flags = (isSpaced ? FLAG_SPACED : 0) | (node.first[AT_END] === 1 ? FLAG_AT_END : 0);
    const bytes = Buffer.alloc(NODE_BYTES);
    bytes.set([KINDS.indexOf(node.kind), flags, detailOf(node), text.length]);
    bytes.writeUInt32LE(this.#slotOf(node.slot) * SLOT_BYTES, NODE_SLOT);
    bytes.writeUInt32LE(choices, NODE_CHOICES);
    bytes.writeUInt32LE(end === undefined ? this.#put(text) : this.#leaf(end), NODE_TEXT);
    text.copy(bytes, NODE_HEAD, 0, NODE_FIRST - NODE_HEAD);
    bytes.set(bitsOf(node.first), NODE_FIRST);
    return this.#place(bytes, NODE_BYTES);
  }

  /** Where the kernel keeps a value: of those that no end asks for in one place, which is 0. Ends come before what leads to them. */
  #slotOf(slot: number): number {
    return this.#slots.get(slot) ?? 0;
  }

  #useSlot(slot: number): number {
    const known = this.#slots.get(slot) ?? this.#slots.size + 1;
    this.#slots.set(slot, known);
    return known;
  }

  #leaf(path: readonly ShapeNode[]): number {
    const { time, level, slots } = leafOf(path, this.#options);
    const durations = slots.duration.map((slot) => {
      const detail = path.find((node) => node.slot === slot)?.detail ?? "";
      const unit = DURATION_UNITS.find((known) => known === detail) ?? "";
      return [this.#useSlot(slot), UNITS.indexOf(unit)];
    });
    const services = slots.service.map((slot) => this.#useSlot(slot));
    return this.#words([
      ...[time, level].map((slot) => (slot < 0 ? slot : this.#useSlot(slot))),
      ...[services.length, ...services],
      ...[durations.length, ...durations.flat()],
    ]);
  }

  #words(values: readonly number[]): number {
    return this.#put(wordsOf(values));
  }

  #put(bytes: Buffer): number {
    const key = bytes.toString("latin1");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const place = this.#place(bytes, WORD_BYTES);
    this.#known.set(key, place);
    return place;
  }

  /** Lays bytes out at a multiple of `alignment`; returns where. Nodes and tables are rarely the same, and not compared. */
  #place(bytes: Buffer, alignment: number): number {
    this.#append(Buffer.alloc(-this.#length & (alignment - 1)));
    const place = this.#address + this.#length;
    this.#append(bytes);
    return place;
  }

  #append(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}

function wordsOf(values: readonly number[]): Buffer {
  const words = Buffer.alloc(values.length * WORD_BYTES);
  values.forEach((value, index) => words.writeInt32LE(value, index * WORD_BYTES));
  return words;
}

/** One bit for each byte that a node can begin with. */
function bitsOf(first: Uint8Array): Uint8Array {
  const bits = new Uint8Array(AT_END / 8);
  for (let byte = 0; byte < AT_END; byte++) {
    if (first[byte] === 1) bits[byte >>> 3] = (bits[byte >>> 3] ?? 0) | (1 << (byte & 7));
  }
  return bits;
}

/** The bytes of a text, or the steps of a layout. */
function textOf(node: ShapeNode): Buffer {
  if (node.kind !== "time") return Buffer.from(node.bytes);
  const layout = parseLayout(node.detail);
  assert(typeof layout !== "string", `the layout ${node.detail} of a shape is right`);
  return Buffer.from(encodeSteps(layout));
}

function detailOf({ kind, name, detail, bytes }: ShapeNode): number {
  if (kind === "level") return LEVEL_DETAILS.indexOf(detail);
  if (kind === "space") return detail === "?" ? 1 : 0;
  if (kind === "time") return detail === ISO_PREFIX_LAYOUT ? LAYOUT_ISO_PREFIX : LAYOUT_OTHER;
  // Lines of a stack trace that were joined are no place to look for the end of a name.
  if (kind === "until" || kind === "last") return bytes[0] !== LINE_FEED && name !== "_" ? 1 : 0;
  return 0;
}
