// What a line was found to be: what each format's reader fills in, and the driver (text-lines.ts) counts.

/** The line begins an event, and what it says is known. */
export const EVENT: u32 = 0;
/** The line goes on with the event before. */
export const CONTINUES: u32 = 1;
/** The line is for the host. */
export const UNPROVEN: u32 = 2;

export let minute: i32 = 0;
/** Milliseconds behind {@link minute}. */
export let rest: i32 = 0;
/** Position in LEVELS. */
export let level: u32 = 0;
/** Microseconds, -1 when there is no duration. */
export let us: f64 = -1;
/** Where the service's name lies; of length 0 when the line names none. */
export let serviceAt: usize = 0;
/** See {@link serviceAt}. */
export let serviceLength: usize = 0;

// @ts-ignore: decorator
@inline export function setTime(minutes: i32, milliseconds: i32): void {
  minute = minutes;
  rest = milliseconds;
}

// @ts-ignore: decorator
@inline export function setLevel(index: u32): void {
  level = index;
}

// @ts-ignore: decorator
@inline export function setDuration(microseconds: f64): void {
  us = microseconds;
}

// @ts-ignore: decorator
@inline export function setService(at: usize, length: usize): void {
  serviceAt = at;
  serviceLength = length;
}

/** Positions in LEVELS (shared/aggregates/aggregate.ts). */
export const LEVEL_DEBUG: u32 = 1;
export const LEVEL_INFO: u32 = 2;
export const LEVEL_WARN: u32 = 3;
export const LEVEL_ERROR: u32 = 4;
export const LEVEL_FATAL: u32 = 5;
export const LEVEL_OTHER: u32 = 6;
