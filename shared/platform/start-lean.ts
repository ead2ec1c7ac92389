import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";

/**
 * Keeps compiled code between runs, so that a start takes about half the CPU: call it before anything large is imported. The folder is the
 * user's own, since whoever can write it can run code; a user without a home has none.
 */
export function keepCompiledCode(): void {
  const home = homedir();
  const caches = process.env["XDG_CACHE_HOME"] ?? (home === "/" ? "" : join(home, ".cache"));
  // A folder that cannot be written only means that nothing is kept; Node says so in its answer, and the program runs all the same.
  if (caches !== "") enableCompileCache(join(caches, "tailrace", "compiled"));
}

/**
 * Keeps the heap's young generation from growing, for work whose garbage dies at once: an agent on a backlog needs 85 instead of about 110 MiB
 * of anonymous memory, at the same CPU (`npm run bench`).
 */
function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** By then what a process does again and again is compiled, so that the next start finds it. */
const COMPILED_MS = 5_000;

/**
 * Call it when a process has started, not before: its heap is kept small from now on, and a start in so little room would take a fifth more CPU
 * (`test/benchmark/idle.ts`). That it also grows in smaller steps (`--optimize-for-size`) would save a backlog 16 of 64 MiB, at a
 * tenth more CPU. Compiled code is written soon after, too: who is killed at the end would never do so.
 */
export function settle(): void {
  keepHeapSmall();
  setTimeout(flushCompileCache, COMPILED_MS).unref();
}
