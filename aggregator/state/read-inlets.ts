/** Reading inlets from stored state, for the API and for whoever reads into them. */
import type { StateView } from "../log/log.ts";
import { decodeInletRow, decodeLetterRow, type InletRow, type LetterRow } from "./inlet-row.ts";
import { inletKey, keyPart, letterPrefix, numberOfPart, numberPart, rangeOf } from "./keys.ts";

/** What stage 1 knows of one inlet, or undefined when nothing of it was counted. */
export function readInlet(
  view: StateView,
  name: { readonly tenant: string; readonly source: string; readonly place: string },
): InletRow | undefined {
  const row = view.get(inletKey(name.tenant, name.source, name.place));
  return row === undefined ? undefined : decodeInletRow(row);
}

/** All inlets of a tenant by key; of all tenants when `tenant` is undefined. */
export function* readInlets(view: StateView, tenant?: string): Iterable<InletRow> {
  const { from, to } = rangeOf(tenant === undefined ? "inlet/" : `inlet/${keyPart(tenant)}/`);
  for (const [, row] of view.range(from, to)) yield decodeInletRow(row);
}

/** The newest dead letters of an inlet, newest first, at most `limit`. */
export function readLetters(
  view: StateView,
  { tenant, source, place }: InletRow,
  limit: number,
): LetterRow[] {
  const { from, to } = rangeOf(letterPrefix(tenant, source, place));
  return [...view.range(from, to, { limit, reverse: true })].map(([, row]) => decodeLetterRow(row));
}

/** A dead letter with its number, which no other of its inlet ever gets. */
export interface NumberedLetterRow {
  readonly number: number;
  readonly letter: LetterRow;
}

/** Dead letters of an inlet after number `after` (-1: from the first), ascending, at most `limit`. */
export function readLettersAfter(
  view: StateView,
  {
    tenant,
    source,
    place,
  }: { readonly tenant: string; readonly source: string; readonly place: string },
  after: number,
  limit: number,
): NumberedLetterRow[] {
  const prefix = letterPrefix(tenant, source, place);
  const { to } = rangeOf(prefix);
  return [...view.range(prefix + numberPart(after + 1), to, { limit })].map(([key, row]) => ({
    number: numberOfPart(key.slice(prefix.length)),
    letter: decodeLetterRow(row),
  }));
}
