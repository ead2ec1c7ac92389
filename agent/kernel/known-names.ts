/** Which names of fields kernels can know. */

import { fieldNames } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";

/** Meanings in the order of the kernels' numbers for them. */
export const KERNEL_MEANINGS = ["time", "service", "level", "duration"] as const;
/** Limits of the kernels' tables of names. */
const NAME_BYTES_MAX = 32;
const NAMES_MAX = 32;

/**
 * True when a kernel can know the names of fields under these options: not too many or long, no name with two meanings, none that
 * bytes could write in several ways; and when it reads the layouts of their times.
 */
export function canKnowNames(options: EventOptions): boolean {
  if (options.timeFormats !== undefined) return false;
  const names = fieldNames(options);
  const known = new Set<string>();
  for (const meaning of KERNEL_MEANINGS) {
    for (const name of new Set(names[meaning])) {
      const isPlain = name.isWellFormed() && !name.includes("\ufffd");
      if (!isPlain || known.has(name) || Buffer.byteLength(name) > NAME_BYTES_MAX) return false;
      known.add(name);
    }
  }
  return known.size <= NAMES_MAX;
}
