import type { InletName } from "./inlet-entry.ts";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The partition that these names belong to, the same on every machine for ever: FNV-1a over UTF-16 code units, mixed as in MurmurHash3. */
export function partitionOf(names: readonly string[], partitionCount: number): number {
  let hash = FNV_OFFSET;
  for (const name of names) {
    for (let index = 0; index < name.length; index++) {
      hash = Math.imul(hash ^ name.charCodeAt(index), FNV_PRIME);
    }
    // No code unit has this bit, so "ab", "c" and "a", "bc" differ.
    hash = Math.imul(hash ^ 0x1_0000, FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitionCount;
}

/** The partition of `batches` that an agent's entries belong to. */
export function batchesPartition(tenant: string, agent: string, partitionCount: number): number {
  return partitionCount === 1 ? 0 : partitionOf([tenant, agent], partitionCount);
}

/** The partition of `batches` that an inlet's entries belong to. */
export function inletPartition(inlet: InletName, partitionCount: number): number {
  const { tenant, source, place } = inlet;
  return partitionCount === 1 ? 0 : partitionOf([tenant, source, place], partitionCount);
}
