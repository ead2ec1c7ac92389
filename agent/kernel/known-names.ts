/** Which names of fields kernels can know. */

import { fieldNames } from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { DERIVED_FIELDS } from "../../shared/events/line-event.ts";
import type { KernelTask } from "../window/detail-counter.ts";

/** Meanings in the order of the kernels' numbers for them. */
export const KERNEL_MEANINGS = ["time", "service", "level", "duration"] as const;
/** Limits of the kernels' tables of names. */
const NAME_BYTES_MAX = 32;
const NAMES_MAX = 32;
/** Limit of the fields whose values keep counts apart. */
const FIELDS_MAX = 8;
/** Names whose value may stand nowhere in the line, or written otherwise. */
const NAMES_FROM_ELSEWHERE: ReadonlySet<string> = new Set([
  ...DERIVED_FIELDS,
  ...["id", "key", "ts", "type"],
]);

/** Nothing besides counts. */
export const TASK_NONE: KernelTask = { fields: [], levels: 0, isByPath: false };

/**
 * True when a kernel can know the names of fields under these options: not too many or long, no name with two meanings, none that
 * bytes could write in several ways; and when it reads the layouts of their times. Of `task`
 * the fields are names, too.
 */
export function canKnowNames(options: EventOptions, task: KernelTask = TASK_NONE): boolean {
  if (options.timeFormats !== undefined || task.fields.length > FIELDS_MAX) return false;
  if (task.fields.some((field) => NAMES_FROM_ELSEWHERE.has(field))) return false;
  const names = fieldNames(options);
  const known = new Set<string>();
  for (const all of [...KERNEL_MEANINGS.map((meaning) => names[meaning]), task.fields]) {
    for (const name of new Set(all)) {
      const isPlain = name.isWellFormed() && !name.includes("\ufffd");
      if (!isPlain || known.has(name) || Buffer.byteLength(name) > NAME_BYTES_MAX) return false;
      known.add(name);
    }
  }
  return known.size <= NAMES_MAX;
}
