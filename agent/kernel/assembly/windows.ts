// What is counted: services, levels, and a slot of counts for each service and minute.
import {
  LEVEL_BYTES, LEVEL_TABLE, LEVELS_MAX, PAGE_BYTES, PAGES, PAGES_MAX, SERVICE_BITS, SERVICE_BYTES, SERVICE_LIST, SERVICES,
  SERVICES_MAX, SLOT_BYTES, SLOT_INDEX, SLOT_INDEX_BITS, SLOTS, SLOTS_MAX,
} from "./memory";
import { firstBytes } from "./text";

/** Longest name of a service that the kernel keeps, in bytes. */
export const SERVICE_NAME_MAX: u32 = 64;
const SERVICE_LENGTH: usize = 64;
/** The minute of the slot below, so that the next line of the same service and minute finds it at once. */
const SERVICE_MINUTE: usize = 68;
const SERVICE_SLOT: usize = 72;
const NO_MINUTE: i32 = i32.MIN_VALUE;

const SLOT_LEVELS: usize = 0;
const SLOT_ZEROS: usize = 28;
/** The sum of durations is SUM_HIGH * 2^48 + SUM. SUM, MIN and MAX are doubles that hold whole numbers below 2^53. */
const SLOT_SUM: usize = 32;
const SLOT_SUM_HIGH: usize = 40;
const SLOT_MINUTE: usize = 44;
const SLOT_MIN: usize = 48;
const SLOT_MAX: usize = 56;
const SLOT_SERVICE: usize = 64;
/** 22 numbers of pages of 64 buckets: buckets 0 to 1407. */
const SLOT_PAGES: usize = 72;

/** Odd and without pattern: 2^64 divided by the golden ratio. */
const HASH: u64 = 0x9e3779b97f4a7c15;

export let serviceCount: u32 = 0;
export let slotCount: u32 = 0;
/** Pages of buckets in use. */
export let pageCount: u32 = 0;
let levelCount: u32 = 0;
let bucketMultiplier: f64 = 0;
let timeLimit: i64 = i64.MAX_VALUE;

/** Events counted since the last {@link clearSlots}. */
export let eventCount: u32 = 0;
/** Latest time that was not beyond the limit, or i64.MIN_VALUE. */
export let timeMax: i64 = i64.MIN_VALUE;
/** Events beyond the limit, and their bytes. */
export let aheadCount: u32 = 0;
/** See {@link aheadCount}. */
export let aheadBytes: u32 = 0;

export function setBuckets(multiplier: f64): void {
  bucketMultiplier = multiplier;
}

export function setTimeLimit(limit: i64): void {
  timeLimit = limit;
}

/** Forgets all counts; with `isWithServices` the names of services, too. */
export function clearSlots(isWithServices: bool): void {
  for (let i: u32 = 0; i < serviceCount; i++) {
    store<i32>(load<u32>(SERVICE_LIST + (<usize>i << 2)), NO_MINUTE, SERVICE_MINUTE);
  }
  if (isWithServices) {
    memory.fill(SERVICES, 0, SERVICE_BYTES << <usize>SERVICE_BITS);
    serviceCount = 0;
  }
  if (slotCount) memory.fill(SLOT_INDEX, 0, <usize>2 << <usize>SLOT_INDEX_BITS);
  slotCount = 0;
  pageCount = 0;
  eventCount = 0;
  aheadCount = 0;
  aheadBytes = 0;
  timeMax = i64.MIN_VALUE;
}

// @ts-ignore: decorator
@inline function hashOf(name: v128): u64 {
  return (i64x2.extract_lane(name, 0) ^ rotl<u64>(i64x2.extract_lane(name, 1), 29)) * HASH;
}

// @ts-ignore: decorator
@inline function isSame(left: v128, right: v128): bool {
  return i8x16.bitmask(i8x16.eq(left, right)) == 0xffff;
}

/** The service whose name is the `length` (1 to 15) bytes of `name`, the others zero, if it lies in its first place; else 0. */
// @ts-ignore: decorator
@inline export function likelyService(name: v128, length: u32): usize {
  const service = SERVICES + <usize>(hashOf(name) >>> (64 - SERVICE_BITS)) * SERVICE_BYTES;
  return load<u32>(service, SERVICE_LENGTH) == length && isSame(name, v128.load(service)) ? service : 0;
}

/** The service whose name is the `length` (1 to SERVICE_NAME_MAX) bytes at `at`; 0 when there are too many. */
export function serviceOf(at: usize, length: u32): usize {
  let hash = hashOf(v128.and(v128.load(at), firstBytes(min<usize>(length, 16))));
  for (let done: u32 = 16; done < length; done += 16) {
    const part = v128.and(v128.load(at + done), firstBytes(min<usize>(length - done, 16)));
    hash = (hash ^ hashOf(part)) * HASH;
  }
  let place = <usize>(hash >>> (64 - SERVICE_BITS));
  while (true) {
    const service = SERVICES + place * SERVICE_BYTES;
    const known = load<u32>(service, SERVICE_LENGTH);
    if (known == 0) {
      if (serviceCount == SERVICES_MAX) return 0;
      store<u32>(SERVICE_LIST + (<usize>(serviceCount++) << 2), service);
      memory.copy(service, at, length);
      store<u32>(service, length, SERVICE_LENGTH);
      store<i32>(service, NO_MINUTE, SERVICE_MINUTE);
      return service;
    }
    if (known == length && memory.compare(service, at, length) == 0) return service;
    place = (place + 1) & ((1 << <usize>SERVICE_BITS) - 1);
  }
}

/** Bytes that a number of a level carries at its end, so that "30" and 30 are two levels. */
// @ts-ignore: decorator
@inline export function numberLevel(digits: v128): v128 {
  return i8x16.replace_lane(digits, 15, 1);
}

/** The first eight bytes tell nearly all levels apart. */
// @ts-ignore: decorator
@inline function levelPlace(key: v128): usize {
  return LEVEL_TABLE + <usize>((i64x2.extract_lane(key, 0) * HASH) >>> 58) * LEVEL_BYTES;
}

/** Index of the level with this text (at most 15 bytes, the others zero), or -1 when it is not known. */
// @ts-ignore: decorator
@inline export function levelOf(key: v128): i32 {
  const place = levelPlace(key);
  return load<u32>(place, 16) && isSame(key, v128.load(place))
    ? <i32>load<u32>(place, 16) - 1
    : fartherLevel(key, place);
}

function fartherLevel(key: v128, place: usize): i32 {
  while (load<u32>(place, 16)) {
    if (isSame(key, v128.load(place))) return <i32>load<u32>(place, 16) - 1;
    place += LEVEL_BYTES;
    if (place == LEVEL_TABLE + LEVEL_BYTES * 64) place = LEVEL_TABLE;
  }
  return -1;
}

/** Remembers the level of a text; without effect when the table is full. */
// @ts-ignore: decorator
@inline export function learnLevel(key: v128, level: u32): void {
  let place = levelPlace(key);
  if (levelCount == LEVELS_MAX || levelOf(key) >= 0) return;
  while (load<u32>(place, 16)) {
    place += LEVEL_BYTES;
    if (place == LEVEL_TABLE + LEVEL_BYTES * 64) place = LEVEL_TABLE;
  }
  v128.store(place, key);
  store<u32>(place, level + 1, 16);
  levelCount++;
}

/** The slot of a service and minute, made if need be; 0 when there is no room. */
function slotOf(service: usize, minute: i32): usize {
  const mask: usize = (1 << <usize>SLOT_INDEX_BITS) - 1;
  const hash = ((<u64>service << 32) ^ <u64><u32>minute) * HASH;
  let place = <usize>(hash >>> (64 - SLOT_INDEX_BITS));
  let slot: usize = 0;
  while (true) {
    const number: usize = load<u16>(SLOT_INDEX + (place << 1));
    if (!number) {
      if (slotCount == SLOTS_MAX) return 0;
      slot = SLOTS + <usize>(slotCount++) * SLOT_BYTES;
      store<u16>(SLOT_INDEX + (place << 1), <u16>slotCount);
      memory.fill(slot, 0, SLOT_BYTES);
      store<i32>(slot, minute, SLOT_MINUTE);
      store<f64>(slot, Infinity, SLOT_MIN);
      store<f64>(slot, -1, SLOT_MAX);
      store<u32>(slot, <u32>service, SLOT_SERVICE);
      break;
    }
    slot = SLOTS + (number - 1) * SLOT_BYTES;
    if (load<u32>(slot, SLOT_SERVICE) == <u32>service && load<i32>(slot, SLOT_MINUTE) == minute) break;
    place = (place + 1) & mask;
  }
  store<i32>(service, minute, SERVICE_MINUTE);
  store<u32>(service, <u32>slot, SERVICE_SLOT);
  return slot;
}

/** Number of a fresh page, also stored at `at`; 0 when there is none left. */
function freshPage(at: usize): usize {
  if (pageCount + 1 == PAGES_MAX) return 0;
  const page = <usize>(++pageCount);
  store<u16>(at, <u16>page);
  memory.fill(PAGES + page * PAGE_BYTES, 0, PAGE_BYTES);
  return page;
}

function carrySum(slot: usize): void {
  const sum = <i64>load<f64>(slot, SLOT_SUM);
  store<u32>(slot, load<u32>(slot, SLOT_SUM_HIGH) + <u32>(sum >>> 48), SLOT_SUM_HIGH);
  store<f64>(slot, <f64>(sum & 0xffffffffffff), SLOT_SUM);
}

/** 2^52: added to a whole number below it, it leaves that number in the low bits of the double. */
const TO_BITS: f64 = 4503599627370496;

/**
 * The bucket of a duration above zero: the arithmetic of shared/aggregates/quantile-sketch.ts, operation for operation. WebAssembly
 * has no fused multiply-add, so the bits are the same. `us` < 2^40, so the result is below 1408.
 */
// @ts-ignore: decorator
@inline function bucketOf(us: f64): usize {
  const bits = reinterpret<i64>(us);
  const exponent = <f64>(<i32>(bits >>> 52) - 1023);
  const significand = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000) - 1.0;
  const log = ((6.0 / 35.0 * significand + -3.0 / 5.0) * significand + 10.0 / 7.0) * significand + exponent;
  return <usize><u32>reinterpret<i64>(ceil<f64>(log * bucketMultiplier) + TO_BITS);
}

/**
 * Counts one event; `us` is -1 when it has no duration, `bytes` is the length of its line. False when there was no room: then nothing
 * was counted.
 */
// @ts-ignore: decorator
@inline export function tally(service: usize, minute: i32, rest: i32, level: u32, us: f64, bytes: u32): bool {
  const slot = load<i32>(service, SERVICE_MINUTE) == minute
    ? <usize>load<u32>(service, SERVICE_SLOT)
    : slotOf(service, minute);
  if (!slot) return false;
  if (us > 0) {
    const bucket = bucketOf(us);
    const at = slot + SLOT_PAGES + ((bucket >>> 6) << 1);
    let page: usize = load<u16>(at);
    if (!page) {
      page = freshPage(at);
      if (!page) return false;
    }
    const bin = PAGES + page * PAGE_BYTES + ((bucket & 63) << 2);
    store<u32>(bin, load<u32>(bin) + 1);
  } else if (us == 0) store<u32>(slot, load<u32>(slot, SLOT_ZEROS) + 1, SLOT_ZEROS);
  if (us >= 0) {
    const sum = load<f64>(slot, SLOT_SUM) + us;
    store<f64>(slot, sum, SLOT_SUM);
    if (sum >= 281474976710656) carrySum(slot);
    if (us < load<f64>(slot, SLOT_MIN)) store<f64>(slot, us, SLOT_MIN);
    if (us > load<f64>(slot, SLOT_MAX)) store<f64>(slot, us, SLOT_MAX);
  }
  const count = slot + SLOT_LEVELS + (<usize>level << 2);
  store<u32>(count, load<u32>(count) + 1);
  eventCount++;
  const time = <i64>minute * 60000 + <i64>rest;
  if (time <= timeLimit) {
    timeMax = max(time, timeMax);
  } else {
    aheadCount++;
    aheadBytes += bytes;
  }
  return true;
}
