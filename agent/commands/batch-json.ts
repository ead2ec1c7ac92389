/** A decoded batch as JSON, for people and scripts. */
import { windowJson } from "../../shared/aggregates/window-json.ts";
import type { Batch } from "../../shared/protocol/batch.ts";

/** A batch as one JSON object: everything as it is sealed, its deltas as the windows that they are parts of. */
export function batchJson(batch: Batch): object {
  return {
    ...batch,
    sealedAt: new Date(batch.sealedAtMs).toISOString(),
    deltas: batch.deltas.map((delta) => windowJson({ ...delta, windowMinutes: 1 })),
  };
}
