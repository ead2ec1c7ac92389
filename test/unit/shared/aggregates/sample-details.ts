import fc from "fast-check";
import { Detail, MEASURE_KINDS, sumParts } from "../../../../shared/aggregates/detail.ts";

const id = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const text = fc.string({ unit: "binary", maxLength: 12 }).map((value) => value.toWellFormed());

/** What a line may add to a detail. */
export const addition = fc.oneof(
  fc.record({
    name: fc.constantFrom("bytes", "users", "größe"),
    kind: fc.constantFrom(...MEASURE_KINDS),
    value: fc.oneof(fc.integer(), fc.double({ min: -1e9, max: 1e9, noNaN: true })),
  }),
  fc.record({ id, timeMs: fc.integer(), level: fc.nat({ max: 6 }), line: text }),
);

/** One of {@link addition}. */
export type Addition =
  | { readonly name: string; readonly kind: (typeof MEASURE_KINDS)[number]; readonly value: number }
  | {
      readonly id: string;
      readonly timeMs: number;
      readonly level: number;
      readonly line: string;
    };

/** A detail of these lines. */
export function detailOf(additions: readonly Addition[]): Detail {
  const detailed = new Detail();
  for (const added of additions) {
    if ("id" in added) {
      detailed.addExemplar(added);
      continue;
    }
    const state = detailed.measure(added.name, added.kind);
    const parts = sumParts(added.value);
    if (state === undefined || parts === undefined) continue;
    if (added.kind === "count") state.low++;
    else if (added.kind === "sum") state.addSum(parts.low, parts.high);
    else state.sketch?.add(String(added.value));
  }
  return detailed;
}

/** Details of a few lines. */
export const detail = fc
  .array(addition, { maxLength: 8 })
  .map(detailOf)
  .filter(({ measures, exemplars }) => measures.length + exemplars.length > 0);
