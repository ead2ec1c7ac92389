/** Dimensions: what keeps windows of one service apart, such as an endpoint or a host. */

/** Values by name; names in ascending order. None: the window of all of a service. */
export type Dimensions = Readonly<Record<string, string>>;

/** Of a window that is not kept apart. */
export const DIMENSIONS_NONE: Dimensions = Object.freeze({});

/** Most dimensions of one window. */
export const DIMENSIONS_MAX = 16;
/** Longest name of a dimension or a measure, in UTF-16 code units. */
export const DIMENSION_NAME_LENGTH_MAX = 128;
/** Longest value, in UTF-16 code units; longer ones are cut. */
export const DIMENSION_VALUE_LENGTH_MAX = 256;
/** Stands in every dimension of what a cardinality limit folded. */
export const DIMENSION_OTHER = "__other__";

/** The dimensions of these pairs; the last of several pairs of one name counts. Values are cut to their longest length. */
export function makeDimensions(
  pairs: Iterable<readonly [name: string, value: string]>,
): Dimensions {
  const sorted = [...new Map(pairs)].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [name, dimensionValue(value)]));
}

/** A text as the value of a dimension: well-formed, at most {@link DIMENSION_VALUE_LENGTH_MAX} UTF-16 code units. */
export function dimensionValue(text: string): string {
  return text.slice(0, DIMENSION_VALUE_LENGTH_MAX).toWellFormed();
}

/** The same text for the same dimensions, another for others; empty for none. */
export function dimensionsKey(dimensions: Dimensions): string {
  if (dimensions === DIMENSIONS_NONE) return "";
  const pairs = Object.entries(dimensions);
  return pairs.length === 0 ? "" : JSON.stringify(pairs.flat());
}

/** What these dimensions are folded into. */
export function foldDimensions(dimensions: Dimensions): Dimensions {
  return Object.fromEntries(Object.keys(dimensions).map((name) => [name, DIMENSION_OTHER]));
}

/** Those of `names` only, in ascending order; one that is not there is the empty text. */
export function pickDimensions(dimensions: Dimensions, names: readonly string[]): Dimensions {
  return Object.fromEntries([...names].sort().map((name) => [name, dimensions[name] ?? ""]));
}
