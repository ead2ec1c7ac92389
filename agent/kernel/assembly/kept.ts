// Fields whose values keep windows apart, such as an endpoint. The counts of a line then belong to a key: the service's name and behind it
// each value, after a byte that says of which kind it is. No name and no value holds such a byte: JSON has no control bytes in strings.
import { KEY_MAX, SERVICE_LENGTH, SERVICE_NAME, serviceOf } from "./windows";

/** Most fields that are kept. */
export const KEPT_MAX: u32 = 8;
/** Kinds of values. */
const KEPT_NONE: u32 = 1;
export const KEPT_STRING: u32 = 2;
export const KEPT_NUMBER: u32 = 3;

/** Results of {@link keyOf}. */
export const KEY_TOO_LONG: usize = 0;
export const KEY_NO_ROOM: usize = 1;

/** Of each field of the line at hand: kind, address and length of its value. */
const VALUE_BYTES: usize = 16;
const VALUES: usize = memory.data(16 * 8, 16);
const KEY: usize = memory.data(256 + 64, 64);

/** Count of fields that are kept. */
export let keptCount: u32 = 0;

export function setKeptCount(count: u32): void {
  keptCount = count;
}

/** Before each line: no field was found yet. */
// @ts-ignore: decorator
@inline export function forgetKept(): void {
  for (let number: u32 = 0; number < keptCount; number++) store<u32>(VALUES + (<usize>number << 4), KEPT_NONE);
}

/** Says what value field `number` has in the line at hand. */
// @ts-ignore: decorator
@inline export function keep(number: u32, kind: u32, from: usize, to: usize): void {
  const value = VALUES + (<usize>number << 4);
  store<u32>(value, kind);
  store<u32>(value, <u32>from, 4);
  store<u32>(value, <u32>(to - from), 8);
}

/** Copies `length` bytes, and up to fifteen more. */
// @ts-ignore: decorator
@inline function copyText(target: usize, source: usize, length: usize): void {
  for (let done: usize = 0; done < length; done += 16) v128.store(target + done, v128.load(source + done));
}

/** Where the counts of a service's line with the kept values belong; or one of the two results above. */
export function keyOf(service: usize): usize {
  let length: usize = load<u32>(service, SERVICE_LENGTH);
  copyText(KEY, service + SERVICE_NAME, length);
  for (let number: u32 = 0; number < keptCount; number++) {
    const value = VALUES + (<usize>number << 4);
    const kind = load<u32>(value);
    store<u8>(KEY + length++, <u8>kind);
    if (kind != KEPT_NONE) {
      let bytes: usize = load<u32>(value, 8);
      if (length + bytes + keptCount > KEY_MAX) return KEY_TOO_LONG;
      copyText(KEY + length, load<u32>(value, 4), bytes);
      length += bytes;
    }
  }
  const key = serviceOf(KEY, <u32>length);
  return key ? key : KEY_NO_ROOM;
}
