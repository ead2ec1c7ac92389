/** Widths of the roll-ups that are stored, in minutes: each a multiple of the one before, the first made of minutes. */
export const ROLL_UP_WIDTHS = [5, 60, 1440] as const;

/** Widths of stored windows, the widest first. */
const STORED_WIDTHS: readonly number[] = [1, ...ROLL_UP_WIDTHS].reverse();

/** True when windows of so many minutes are stored as roll-ups. */
export function isRollUpWidth(widthMinutes: number): boolean {
  return widthMinutes !== 1 && STORED_WIDTHS.includes(widthMinutes);
}

/** Widths of the stored windows that together make windows of so many minutes, the widest first; the last is 1. */
export function partWidths(widthMinutes: number): readonly number[] {
  return STORED_WIDTHS.filter((width) => widthMinutes % width === 0);
}
