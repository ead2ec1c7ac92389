// Lines that the host wants to see although they are counted here, chosen by their level: it may want to keep them as samples.
import { NOTED, NOTED_BYTES, NOTED_MAX } from "./memory";

/** One bit for each level whose lines are noted. */
let levels: u32 = 0;
export let notedCount: u32 = 0;

export function setNotedLevels(mask: u32): void {
  levels = mask;
}

export function forgetNoted(): void {
  notedCount = 0;
}

// @ts-ignore: decorator
@inline export function isNotedFull(): bool {
  return notedCount == NOTED_MAX;
}

/** Notes a line that was just counted, if its level is one of those; there is room for one when {@link isNotedFull} is false. */
// @ts-ignore: decorator
@inline export function note(from: usize, to: usize, key: usize, level: u32, minute: i32, rest: i32): void {
  if (((levels >>> level) & 1) == 0) return;
  const entry = NOTED + <usize>(notedCount++) * NOTED_BYTES;
  store<u32>(entry, <u32>from);
  store<u32>(entry, <u32>to, 4);
  store<u32>(entry, <u32>key, 8);
  store<u32>(entry, level, 12);
  store<i32>(entry, minute, 16);
  store<i32>(entry, rest, 20);
}
