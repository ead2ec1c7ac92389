/** Parses lines by the shapes of a format: see `line-shape.ts`. */

import { LEVEL_INDEX, type Level } from "../../shared/aggregates/aggregate.ts";
import { assert, present } from "../../shared/assert.ts";
import {
  DURATION_NONE,
  DURATION_OUT_OF_RANGE,
  levelAt,
  levelOfStatus,
  levelOfText,
  serviceName,
} from "../../shared/events/event-fields.ts";
import {
  DURATION_UNITS,
  type DurationUnit,
  type EventOptions,
  type FieldMeaning,
} from "../../shared/events/event-options.ts";
import { isBlank, lineContentEnd } from "../../shared/events/line-bytes.ts";
import {
  defineParser,
  emptyMeasure,
  type LineParser,
  type LineStart,
  type Measure,
  type ParsedEvent,
  type ParserDefinition,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";
import { LayoutReader } from "../../shared/time/layout-reader.ts";
import { parseLayout } from "../../shared/time/time-layout.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import { durationTextUs } from "./duration-text.ts";
import { linePrefixEnd } from "./line-prefix.ts";
import { AT_END, compileShapes, type ShapeChoices, type ShapeNode } from "./line-shape.ts";
import { nearLevel } from "./near-level.ts";
import { ESCAPE, withoutColours } from "./print-colours.ts";
import { TextCache } from "./text-cache.ts";

const SPACE = 0x20;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const COLON = 0x3a;
const DASH = 0x2d;
const DOT = 0x2e;
/** Longer words are no levels. */
const LEVEL_BYTES_MAX = 12;
/** Single letters are levels only where a format says so: `I` and `A` are words. */
const LEVEL_BYTES_MIN = 3;

/** A format that shapes describe. */
export interface ShapeFormat {
  readonly summary: string;
  /** In the order in which they are tried. */
  readonly shapes: readonly string[];
  /** Words of this format for levels, in upper case, beside those that every format knows. */
  readonly levels?: Readonly<Record<string, Level>>;
  /** As {@link ParserDefinition.joins}. */
  readonly joins?: "unparsed" | LineStart;
}

/** Where a value is found at the end of a way through the tree. */
export interface Leaf {
  readonly time: number;
  readonly level: number;
  /** Slots by meaning, the first that took something counts. */
  readonly slots: Readonly<Record<Exclude<FieldMeaning, "time">, readonly number[]>>;
  readonly fields: readonly (readonly [string, number])[];
}

class ShapeParser implements LineParser {
  readonly #options: EventOptions;
  readonly #roots: ShapeChoices;
  readonly #leaves = new Map<ShapeNode, Leaf>();
  /** Readers of times, by slot. */
  readonly #readers: (LayoutReader | undefined)[] = [];
  readonly #units = new Map<number, DurationUnit>();
  readonly #levels: TextCache<number>;
  readonly #services: TextCache<string>;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  /** Times and levels that nodes read, by slot. */
  readonly #values: Float64Array;
  readonly #measure = emptyMeasure();
  #leaf: Leaf | undefined;

  constructor(format: ShapeFormat, options: EventOptions) {
    this.#services = new TextCache((text) => serviceName(text, options.cutService));
    this.#options = options;
    const { roots, slotCount } = compileShapes(format.shapes);
    this.#roots = roots;
    this.#from = new Int32Array(slotCount);
    this.#to = new Int32Array(slotCount);
    this.#values = new Float64Array(slotCount);
    const words = format.levels ?? {};
    this.#levels = new TextCache((text) => {
      const own = words[text.toUpperCase()];
      return own === undefined ? levelOfText(text) : LEVEL_INDEX[own];
    });
    const zone = new TimeZone(options.timezone);
    const readers = new Map<string, LayoutReader>();
    for (const root of roots.nodes) this.#prepare(root, [], zone, readers);
  }

  /** Walks the tree once: makes the readers of times and notes at each end where the values are found. */
  #prepare(
    node: ShapeNode,
    path: readonly ShapeNode[],
    zone: TimeZone,
    readers: Map<string, LayoutReader>,
  ): void {
    if (node.kind === "end") this.#leaves.set(node, leafOf(path, this.#options));
    if (node.kind === "time") {
      let reader = readers.get(node.detail);
      if (reader === undefined) {
        const layout = parseLayout(node.detail);
        assert(typeof layout !== "string", `the layout ${node.detail} of a shape is right`);
        reader = new LayoutReader(layout, zone, this.#options.nowMs);
        readers.set(node.detail, reader);
      }
      this.#readers[node.slot] = reader;
    }
    const unit = DURATION_UNITS.find((known) => known === node.detail);
    if (node.kind === "number" && unit !== undefined) this.#units.set(node.slot, unit);
    for (const next of node.next.nodes) this.#prepare(next, [...path, node], zone, readers);
  }

  parse(coloured: Buffer): ParsedEvent | Rejection {
    const measure = this.#measure;
    const line = coloured[0] === ESCAPE ? withoutColours(coloured) : coloured;
    const reason = this.measure(line, 0, line.length, measure);
    if (reason !== undefined) return { kind: "rejection", reason };
    const leaf = present(this.#leaf, "the way through the shapes");
    const fields: Record<string, string> = {};
    for (const [name, slot] of leaf.fields) {
      const text = this.#text(line, slot).trim();
      if (text !== "") fields[name] = text;
    }
    const message = this.#slotOf(leaf.slots.message);
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message: message < 0 ? undefined : this.#text(line, message),
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields,
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    if (buffer[from] === ESCAPE && from < to) {
      const plain = withoutColours(buffer.subarray(from, to));
      if (plain[0] !== ESCAPE) return this.measure(plain, 0, plain.length, target);
    }
    const end = lineContentEnd(buffer, from, to);
    if (!this.#find(buffer, from, end)) return isBlank(buffer, from, end) ? "blank" : "unparsed";
    const leaf = present(this.#leaf, "the way through the shapes");
    if (leaf.time >= 0) target.timeMs = this.#values[leaf.time] ?? Number.NaN;
    else if (this.#options.isTimeGiven !== true) return "no_time";
    target.level = this.#levelOf(leaf, buffer);
    const service = this.#slotOf(leaf.slots.service);
    target.service =
      service < 0
        ? ""
        : this.#services.get(buffer, this.#from[service] ?? 0, this.#to[service] ?? 0);
    const duration = this.#slotOf(leaf.slots.duration);
    const us =
      duration < 0
        ? DURATION_NONE
        : durationTextUs(
            buffer,
            this.#from[duration] ?? 0,
            this.#to[duration] ?? 0,
            this.#units.get(duration) ?? this.#options.durationUnit,
          );
    target.durationOutOfRange = us === DURATION_OUT_OF_RANGE;
    target.durationUs = us < 0 ? DURATION_NONE : us;
    return undefined;
  }

  #levelOf(leaf: Leaf, buffer: Buffer): number {
    const mapped = this.#slotOf(leaf.slots.level);
    if (mapped >= 0) {
      return this.#levels.get(buffer, this.#from[mapped] ?? 0, this.#to[mapped] ?? 0);
    }
    return leaf.level < 0 ? LEVEL_INDEX.INFO : (this.#values[leaf.level] ?? LEVEL_INDEX.INFO);
  }

  #slotOf(slots: readonly number[]): number {
    for (const slot of slots) if ((this.#to[slot] ?? 0) > (this.#from[slot] ?? 0)) return slot;
    return -1;
  }

  #text(line: Buffer, slot: number): string {
    return line.toString("utf8", this.#from[slot], this.#to[slot]);
  }

  /** Finds the first way through the shapes, from the line's beginning or else from behind what tools write before lines. */
  #find(buffer: Buffer, from: number, to: number): boolean {
    if (this.#findFrom(buffer, from, to)) return true;
    if (this.#options.isTimeGiven === true) return false;
    const start = linePrefixEnd(buffer, from, to);
    return start > from && this.#findFrom(buffer, start, to);
  }

  #findFrom(buffer: Buffer, from: number, to: number): boolean {
    return this.#walkAny(this.#roots, buffer, from, to);
  }

  #walk(node: ShapeNode, buffer: Buffer, from: number, to: number): boolean {
    if (node.kind === "end") {
      if (from < to) return false;
      this.#leaf = this.#leaves.get(node);
      return true;
    }
    const at = this.#take(node, buffer, from, to);
    if (at < 0) return false;
    return this.#walkAny(node.next, buffer, at, to);
  }

  #walkAny(choices: ShapeChoices, buffer: Buffer, from: number, to: number): boolean {
    const byte = from < to ? (buffer[from] ?? AT_END) : AT_END;
    const nodes = choices.byByte?.[byte] ?? choices.nodes;
    // By index: an iterator costs more than the steps.
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      if (node?.first[byte] === 1 && this.#walk(node, buffer, from, to)) return true;
    }
    return false;
  }

  /** Takes what a node stands for; returns where it ends, or -1. */
  #take(node: ShapeNode, buffer: Buffer, from: number, to: number): number {
    const { kind, slot, bytes } = node;
    if (kind === "text") return isTextAt(buffer, from, to, bytes) ? from + bytes.length : -1;
    if (kind === "space") return spaceEnd(buffer, from, to, node.detail === "?");
    this.#from[slot] = from;
    if (kind === "rest") {
      this.#to[slot] = to;
      return to;
    }
    if (kind === "until" || kind === "last") {
      // Lines of a stack trace that were joined are no place to look for the end of a name.
      const limit = bytes[0] !== LINE_FEED && node.name !== "_" ? LINE_FEED : -1;
      const found =
        kind === "until"
          ? indexOfText(buffer, from, to, { text: bytes, limit })
          : lastIndexOfText(buffer, from, limit < 0 ? to : lineEnd(buffer, from, to), bytes);
      this.#to[slot] = trimmedEnd(buffer, from, found);
      return found < 0 ? -1 : found + bytes.length;
    }
    const end = this.#takeValue(node, buffer, from, to);
    this.#to[slot] = end;
    return end;
  }

  #takeValue(node: ShapeNode, buffer: Buffer, from: number, to: number): number {
    switch (node.kind) {
      case "time": {
        const reader = this.#readers[node.slot];
        const ms = reader?.read(buffer, from, to) ?? Number.NaN;
        this.#values[node.slot] = ms;
        return Number.isNaN(ms) ? -1 : (reader?.end ?? -1);
      }
      case "level":
        return this.#takeLevel(node, buffer, from, to);
      case "status":
        return this.#takeStatus(node, buffer, from, to);
      case "clock":
        return clockEnd(buffer, from, to);
      case "word":
        return wordEnd(buffer, from, to);
      case "name":
        return nameEnd(buffer, from, to);
      default:
        return numberEnd(buffer, from, to, node.kind === "number");
    }
  }

  #takeLevel(node: ShapeNode, buffer: Buffer, from: number, to: number): number {
    if (node.detail === "near") {
      const near = nearLevel(buffer, from, to, (start, end) =>
        this.#levels.get(buffer, start, end),
      );
      this.#values[node.slot] = near;
      return near === LEVEL_INDEX.OTHER ? -1 : from;
    }
    const end = levelEnd(buffer, from, to, node.detail);
    if (end < 0) return -1;
    const level = this.#levels.get(buffer, from, end);
    this.#values[node.slot] = level;
    return level === LEVEL_INDEX.OTHER ? -1 : end;
  }

  #takeStatus(node: ShapeNode, buffer: Buffer, from: number, to: number): number {
    const end = numberEnd(buffer, from, to, false);
    if (end - from !== 3) return -1;
    const status = Number(buffer.toString("latin1", from, end));
    this.#values[node.slot] = levelOfStatus(status);
    return end;
  }
}

/** Where values are found at the end of a way through the tree of a format. */
export function leafOf(path: readonly ShapeNode[], options: EventOptions): Leaf {
  const slotsOf = (name: string): number[] =>
    path.filter((node) => node.name === name && node.slot >= 0).map(({ slot }) => slot);
  const meaningSlots = (meaning: FieldMeaning): number[] =>
    (options.fields[meaning] ?? [meaning]).flatMap(slotsOf);
  const known = new Set(["time", "service", "message", "duration", "_", "clock"]);
  const level = path.findLast(({ kind }) => kind === "level" || kind === "status");
  return {
    time: path.findLast(({ kind }) => kind === "time")?.slot ?? -1,
    level: level?.slot ?? -1,
    slots: {
      service: meaningSlots("service"),
      level: options.fields.level === undefined ? [] : meaningSlots("level"),
      message: meaningSlots("message"),
      duration: meaningSlots("duration"),
    },
    fields: path
      .filter(({ name, kind, slot }) => slot >= 0 && !known.has(name) && kind !== "level")
      .map(({ name, slot }) => [name, slot]),
  };
}

function isTextAt(buffer: Buffer, from: number, to: number, text: Uint8Array): boolean {
  if (from + text.length > to) return false;
  for (let index = 0; index < text.length; index++) {
    if (buffer[from + index] !== text[index]) return false;
  }
  return true;
}

/** Where the line that holds `from` ends. */
function lineEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && buffer[at] !== LINE_FEED) at++;
  return at;
}

/** Where a text first stands before the first byte that is `limit`, or -1. */
function indexOfText(
  buffer: Buffer,
  from: number,
  to: number,
  { text, limit }: { readonly text: Uint8Array; readonly limit: number },
): number {
  const first = text[0];
  for (let at = from; at + text.length <= to; at++) {
    const byte = buffer[at];
    if (byte === first && isTextAt(buffer, at, to, text)) return at;
    if (byte === limit) return -1;
  }
  return -1;
}

/** Where a text last stands, or -1. */
function lastIndexOfText(buffer: Buffer, from: number, to: number, text: Uint8Array): number {
  for (let at = to - text.length; at >= from; at--) {
    if (isTextAt(buffer, at, to, text)) return at;
  }
  return -1;
}

function trimmedEnd(buffer: Buffer, from: number, to: number): number {
  let end = to;
  while (end > from && buffer[end - 1] === SPACE) end--;
  return end;
}

function spaceEnd(buffer: Buffer, from: number, to: number, mayBeMissing: boolean): number {
  let at = from;
  while (at < to && (buffer[at] === SPACE || buffer[at] === TAB)) at++;
  return at > from || mayBeMissing ? at : -1;
}

function wordEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && (buffer[at] ?? 0) > SPACE) at++;
  return at > from ? at : -1;
}

/** Where a name ends: before what stands between parts of a line. A dash alone is no name. */
function nameEnd(buffer: Buffer, from: number, to: number): number {
  if (buffer[from] === DASH) return -1;
  let at = from;
  while (at < to && isNameByte(buffer[at] ?? 0)) at++;
  return at > from ? at : -1;
}

const NAME_BREAKS = new Uint8Array(256);
for (const character of ':,"=[](){}') NAME_BREAKS[character.charCodeAt(0)] = 1;

function isNameByte(byte: number): boolean {
  return byte > SPACE && NAME_BREAKS[byte] === 0;
}

function numberEnd(buffer: Buffer, from: number, to: number, hasPoint: boolean): number {
  let at = from;
  while (at < to && (isDigit(buffer[at] ?? 0) || (hasPoint && buffer[at] === DOT))) at++;
  return at > from ? at : -1;
}

/** Where `HH:mm:ss` and a fraction, if there is one, end; -1 when they do not stand there. */
function clockEnd(buffer: Buffer, from: number, to: number): number {
  if (from + 8 > to) return -1;
  for (let index = 0; index < 8; index++) {
    const byte = buffer[from + index] ?? 0;
    if (index % 3 === 2 ? byte !== COLON : !isDigit(byte)) return -1;
  }
  const mark = buffer[from + 8];
  if (from + 8 === to || (mark !== DOT && mark !== 0x2c)) return from + 8;
  const end = numberEnd(buffer, from + 9, to, false);
  return end < 0 ? from + 8 : end;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function isLetter(byte: number): boolean {
  return isUpper(byte & ~0x20) && byte >= 0x41;
}

/** Where a word that may be a level ends: letters and then digits, or a single byte; -1 when there is none. */
function levelEnd(buffer: Buffer, from: number, to: number, detail: string): number {
  if (from >= to) return -1;
  const first = buffer[from] ?? 0;
  if (detail === "mark") return isLetter(first) || isDigit(first) ? -1 : from + 1;
  if (detail === "letter") return isUpper(first) ? from + 1 : -1;
  const limit = Math.min(to, from + LEVEL_BYTES_MAX);
  let at = from;
  while (at < limit) {
    const byte = buffer[at] ?? 0;
    const fits = detail === "upper" ? isUpper(byte) : isLetter(byte);
    if (!fits && !(at > from && isDigit(byte))) break;
    at++;
  }
  return at - from < LEVEL_BYTES_MIN ? -1 : at;
}

/** Declares a parser of a format that shapes describe. */
export function defineShapeParser(format: ShapeFormat): ParserDefinition {
  return defineParser({
    summary: format.summary,
    ...(format.joins === undefined ? {} : { joins: format.joins }),
    compile: (options) => new ShapeParser(format, options),
  });
}
