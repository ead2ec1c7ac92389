// Shapes of lines. A shape is everything of a line that is not the inside of a string or a number: `{"timestamp":"` … `","service":"`
// … `}` and the line feed. Shapes come from lines that the parser (parse-line.ts) has proven, and are kept as a tree, so that lines
// with other orders of keys or with optional fields share their beginnings.
import { NODE_BYTES, NODES, NODES_MAX } from "./memory";
import { firstBytes } from "./text";

/** A node: up to 16 bytes of literal text, then what follows it. */
export const NODE_MASK: usize = 16;
export const NODE_LENGTH: usize = 20;
export const NODE_KIND: usize = 24;
/** The node after this one. */
export const NODE_NEXT: usize = 28;
/** The node to try when this one does not fit. */
export const NODE_OTHER: usize = 32;

/** What follows a literal. */
export const KIND_END: u32 = 0;
export const KIND_STRING: u32 = 1;
export const KIND_NUMBER: u32 = 2;
export const KIND_TIME: u32 = 3;
export const KIND_SERVICE: u32 = 4;
export const KIND_LEVEL: u32 = 5;
export const KIND_DURATION: u32 = 6;
/** More literal text. */
export const KIND_MORE: u32 = 7;
export const KIND_EPOCH_TIME: u32 = 8;
export const KIND_NUMBER_LEVEL: u32 = 9;
/** A kept field's value: its number stands in the next byte. */
export const KIND_KEPT_STRING: u32 = 10;
export const KIND_KEPT_NUMBER: u32 = 11;
export const KIND_BITS: u32 = 8;

/** A segment of the line being parsed: literal text from, to, and the kind of value that follows. Longer lines teach nothing. */
const SEGMENT_BYTES: usize = 12;
const SEGMENTS_MAX: u32 = 96;
const SEGMENTS: usize = memory.data(12 * 96, 64);

/** The first node, where the walk begins; 0 while nothing was learnt. */
const ROOT: usize = memory.data(16, 16);
let nodeCount: u32 = 0;
let segmentCount: u32 = 0;
/** Lines that no shape fitted since {@link renewShapes}. */
let missCount: u32 = 0;
/** True when a shape found no room. */
let isFull = false;

// @ts-ignore: decorator
@inline export function firstNode(): usize {
  return load<u32>(ROOT);
}

/** True when the literal of a node stands at `at`. */
// @ts-ignore: decorator
@inline export function fits(node: usize, at: usize): bool {
  const mask = load<u32>(node, NODE_MASK);
  return (i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(node))) & mask) == mask;
}

/** The next alternative to `node` whose literal stands at `at`, or 0. */
export function otherNode(node: usize, at: usize): usize {
  do {
    node = load<u32>(node, NODE_OTHER);
  } while (node && !fits(node, at));
  return node;
}

export function beginSegments(): void {
  segmentCount = 0;
}

/** Adds a segment and returns its number. */
export function addSegment(from: usize, to: usize, kind: u32): u32 {
  if (segmentCount < SEGMENTS_MAX) {
    const segment = SEGMENTS + <usize>segmentCount * SEGMENT_BYTES;
    store<u32>(segment, <u32>from);
    store<u32>(segment, <u32>to, 4);
    store<u32>(segment, kind, 8);
  }
  return segmentCount++;
}

/** Says what the value behind segment `number` means. */
export function setSegmentKind(number: u32, kind: u32): void {
  if (number < SEGMENTS_MAX) store<u32>(SEGMENTS + <usize>number * SEGMENT_BYTES, kind, 8);
}

/** Room for literals as they stand in a string, each quote with a backslash. */
const ESCAPED_BYTES: usize = 8192;
const ESCAPED: usize = memory.data(8192 + 16, 16);

/** Rewrites the segments as they stand in a string; false when that cannot be said for sure, or is too long. */
export function escapeSegments(): bool {
  if (segmentCount > SEGMENTS_MAX) return false;
  let target = ESCAPED;
  for (let number: u32 = 0; number < segmentCount; number++) {
    const segment = SEGMENTS + <usize>number * SEGMENT_BYTES;
    const start = target, to: usize = load<u32>(segment, 4);
    for (let from: usize = load<u32>(segment); from < to; from++) {
      const byte: u32 = load<u8>(from);
      if (target + 2 > ESCAPED + ESCAPED_BYTES || byte < 32 || byte == 0x5c) return false;
      if (byte == 0x22) store<u8>(target++, 0x5c);
      store<u8>(target++, <u8>byte);
    }
    store<u32>(segment, <u32>start);
    store<u32>(segment, <u32>target, 4);
  }
  return true;
}

/** Adds the shape of the segments to the tree, wholly or not at all: every node but those of ends has a follower. */
export function learnShape(): void {
  missCount++;
  if (segmentCount > SEGMENTS_MAX) return;
  let pieceCount: u32 = 0;
  for (let number: u32 = 0; number < segmentCount; number++) {
    const segment = SEGMENTS + <usize>number * SEGMENT_BYTES;
    pieceCount += (load<u32>(segment, 4) - load<u32>(segment) + 15) >>> 4;
  }
  if (nodeCount + pieceCount > NODES_MAX) {
    isFull = true;
    return;
  }
  let link = ROOT;
  for (let number: u32 = 0; number < segmentCount; number++) {
    const segment = SEGMENTS + <usize>number * SEGMENT_BYTES;
    const to: usize = load<u32>(segment, 4);
    let from: usize = load<u32>(segment);
    while (from < to) {
      const length = min<usize>(to - from, 16);
      const kind = from + length == to ? load<u32>(segment, 8) : KIND_MORE;
      link = linkNode(link, v128.and(v128.load(from), firstBytes(length)), <u32>length, kind);
      from += length;
    }
  }
}

/** The place for the follower of the node with this literal, which is made at `link` if need be. */
function linkNode(link: usize, literal: v128, length: u32, kind: u32): usize {
  let node: usize = load<u32>(link);
  while (node) {
    if (
      load<u32>(node, NODE_LENGTH) == length && load<u32>(node, NODE_KIND) == kind &&
      i8x16.bitmask(i8x16.eq(literal, v128.load(node))) == 0xffff
    ) return node + NODE_NEXT;
    link = node + NODE_OTHER;
    node = load<u32>(link);
  }
  node = NODES + <usize>(nodeCount++) * NODE_BYTES;
  memory.fill(node, 0, NODE_BYTES);
  v128.store(node, literal);
  store<u32>(node, (1 << length) - 1, NODE_MASK);
  store<u32>(node, length, NODE_LENGTH);
  store<u32>(node, kind, NODE_KIND);
  store<u32>(link, <u32>node);
  return node + NODE_NEXT;
}

/** Drops the whole tree when it is full and many lines do not fit it: the log has changed. Called now and then. */
export function renewShapes(): void {
  if (isFull && missCount > 256) {
    isFull = false;
    nodeCount = 0;
    store<u32>(ROOT, 0);
  }
  missCount = 0;
}
