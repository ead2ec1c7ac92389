/** All targets: the key is the name on the command line. */
import { byteTargets } from "./byte-targets.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { lineTargets } from "./line-targets.ts";
import { textTargets } from "./text-targets.ts";

/** See the head of this file. */
export const targets: ReadonlyMap<string, () => FuzzTarget | Promise<FuzzTarget>> = new Map([
  ...lineTargets(),
  ...byteTargets(),
  ...textTargets(),
]);
