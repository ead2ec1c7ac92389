/** Reading inlets from stored state, for the API and for whoever reads into them. */
import type { StateView } from "../log/log.ts";
import { decodeInletRow, decodeLetterRow, type InletRow, type LetterRow } from "./inlet-row.ts";
import { inletKey, keyPart, letterPrefix, rangeOf } from "./keys.ts";

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
