/** Durations and sizes as people write them: `250ms`, `10s`, `1h`, `30d`; `64KiB`, `1GiB`, `500MB`. */

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
/** What a duration looks like. */
export const DURATION_PATTERN = /^\d+(\.\d+)?(ms|s|m|h|d)$/;
/** What a size looks like. */
export const BYTES_PATTERN = /^\d+(\.\d+)?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;

/** Milliseconds of a text such as `1.5s`, or undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  return scaled(text, DURATION_UNITS_MS);
}

/** Bytes of a text such as `64MiB`, or undefined when it is none. */
export function parseBytes(text: string): number | undefined {
  if (!BYTES_PATTERN.test(text)) return undefined;
  return scaled(text, BYTE_UNITS);
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const unit = text.replace(/^[\d.]+/, "");
  const factor = units[unit];
  return factor === undefined ? undefined : Math.round(Number.parseFloat(text) * factor);
}

/** A duration as people write it, in the largest unit that needs no fraction: 600000 is `10m`, 1500 is `1500ms`. */
export function durationText(ms: number): string {
  if (ms === 0) return "0s";
  const units = Object.entries(DURATION_UNITS_MS);
  const [unit, unitMs] = units.findLast(([, each]) => ms % each === 0) ?? ["ms", 1];
  return `${ms / unitMs}${unit}`;
}
