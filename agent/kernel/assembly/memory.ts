// The kernel's memory: every table has a fixed address and size, so the module needs 7 MiB and never asks for more.
// When a table of counts is full the kernel stops before the line that does not fit; the host takes the counts out and goes on.

/** Bytes that fit in the text buffer: what is read there is still in the processor's second cache when it is scanned. */
export const TEXT_BYTES: u32 = 262144;
/** Text to scan. SIMD loads may read up to 64 bytes behind the last line, hence the margin. */
export const TEXT: usize = memory.data(262144 + 128, 4096);
/** Where the host puts names and level texts. */
export const SCRATCH: usize = memory.data(128, 64);

/** A learnt piece of a line; see shapes.ts. */
export const NODE_BYTES: usize = 64;
export const NODES_MAX: u32 = 512;
export const NODES: usize = memory.data(64 * 512, 64);

/** A name of a service; see windows.ts. */
export const SERVICE_BYTES: usize = 320;
export const SERVICES_MAX: u32 = 2048;
/** Open addressing, at most half full. */
export const SERVICE_BITS: u64 = 12;
export const SERVICES: usize = memory.data(320 * 4096, 64);
/** Addresses of the services in use, so that a reset need not look at the whole table. */
export const SERVICE_LIST: usize = memory.data(4 * 2048, 64);

/** Known texts of levels: 64 places of 32 bytes, at most half full. */
export const LEVEL_BYTES: usize = 32;
export const LEVELS_MAX: u32 = 32;
export const LEVEL_TABLE: usize = memory.data(32 * 64, 64);

/** Counts of one service in one minute; see windows.ts. */
export const SLOT_BYTES: usize = 128;
export const SLOTS_MAX: u32 = 8192;
export const SLOTS: usize = memory.data(128 * 8192, 64);
/** Numbers (from 1) of slots by hash of (service, minute). */
export const SLOT_INDEX_BITS: u64 = 14;
export const SLOT_INDEX: usize = memory.data(2 * 16384, 64);

/** 64 counts of 32 bits each. Page 0 is never used: 0 means none. */
export const PAGE_BYTES: usize = 256;
export const PAGES_MAX: u32 = 15360;
export const PAGES: usize = memory.data(256 * 15360, 64);

/** Lines for the host: four words each; see json-lines.ts. */
export const UNPROVEN_MAX: u32 = 4096;
export const UNPROVEN: usize = memory.data(16 * 4096, 64);

/** Lines that are counted and wanted, too: six words each, and room; see noted.ts. */
export const NOTED_MAX: u32 = 4096;
export const NOTED_BYTES: usize = 24;
export const NOTED: usize = memory.data(24 * 4096, 64);
