import { encodePlace } from "./query-parameters.ts";

/** The part of a list that a query asked for, and where the rest begins; `next` is not there when nothing is left. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: { readonly next?: string };
}

/** The first `limit` of the items behind the place `after`, in the order of their places, of which no two are the same. */
export function pageOf<T>(
  items: readonly T[],
  placeOf: (item: T) => string,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Page<T> {
  const rest = items
    .map((item) => ({ item, place: placeOf(item) }))
    .filter(({ place }) => after === undefined || place > after)
    .toSorted((a, b) => (a.place < b.place ? -1 : 1));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rest.length > page.length && last !== undefined;
  return {
    items: page.map(({ item }) => item),
    next: hasMore ? { next: encodePlace([0, last.place]) } : {},
  };
}
