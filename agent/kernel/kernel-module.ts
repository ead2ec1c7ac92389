import { readProgramFile } from "../../shared/platform/program-file.ts";

/** The functions that `assembly/json-lines.ts` exports; addresses and lengths are in bytes of {@link Kernel.memory}. */
const FUNCTION_NAMES = [
  "start",
  "textAddress",
  "textBytes",
  "scratchAddress",
  "unprovenAddress",
  "slotsAddress",
  "pagesAddress",
  "addName",
  "learnLevel",
  "wallMinute",
  "learnMinute",
  "setDefault",
  "setTimeLimit",
  "begin",
  "run",
  "unproven",
  "slots",
  "pages",
  "services",
  "events",
  "aheadEvents",
  "aheadBytes",
  "timeMax",
  "clear",
] as const;

type KernelFunction = (...values: number[]) => number;
type KernelCalls = Readonly<Record<(typeof FUNCTION_NAMES)[number], KernelFunction>>;

interface CompiledModule {
  readonly compiled?: never;
}
interface ModuleMemory {
  readonly buffer: ArrayBuffer;
}
/** What is used here of the global that every Node has; its types come only with those of browsers. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => CompiledModule;
  readonly Instance: new (
    code: CompiledModule,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: { readonly prototype: ModuleMemory } & (new (size: {
    readonly initial: number;
  }) => ModuleMemory);
};

/** One kernel: its functions, and its memory, which never grows. */
export interface Kernel {
  readonly call: KernelCalls;
  readonly memory: ArrayBuffer;
}

/** Makes the built kernel from its sources. */
const BUILD_COMMAND = "npm run build:kernel";

/** Compiled at the first use, once for the process: instances share the code and have their own memory. */
let compiled: CompiledModule | undefined;

/** A fresh kernel. Fails with PROGRAM_FILE_MISSING when it was never built. `location` is for tests. */
export function openKernel(location?: URL): Kernel {
  let code = compiled;
  if (code === undefined || location !== undefined) {
    const file = location ?? new URL("./json-lines.wasm", import.meta.url);
    code = new WebAssembly.Module(readProgramFile(file, BUILD_COMMAND));
    if (location === undefined) compiled = code;
  }
  const exports = new WebAssembly.Instance(code).exports;
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) {
    throw new TypeError(`the kernel has no memory: run \`${BUILD_COMMAND}\``);
  }
  if (!hasFunctions(exports)) {
    throw new TypeError(`the kernel is of another version: run \`${BUILD_COMMAND}\``);
  }
  return { call: exports, memory: memory.buffer };
}

function hasFunctions(exports: Readonly<Record<string, unknown>>): exports is KernelCalls {
  return FUNCTION_NAMES.every((name) => typeof exports[name] === "function");
}
