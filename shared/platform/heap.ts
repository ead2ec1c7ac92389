import { getHeapStatistics } from "node:v8";

/** Bytes of JavaScript's heap that are used, and that may be. */
export function readHeap(): { readonly usedBytes: number; readonly limitBytes: number } {
  const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
  return { usedBytes, limitBytes };
}
