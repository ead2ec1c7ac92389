import { readProgramFile } from "../../shared/platform/program-file.ts";

/** The functions that every kernel exports; addresses and lengths are in bytes of {@link Kernel.memory}. */
const COUNTING_FUNCTIONS = [
  "textAddress",
  "textBytes",
  "scratchAddress",
  "unprovenAddress",
  "slotsAddress",
  "pagesAddress",
  "start",
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

/** What only `assembly/json-lines.ts` exports. */
const JSON_FUNCTIONS = [
  "addName",
  "setKept",
  "noteLevels",
  "notedAddress",
  "takeNoted",
  "learnLevel",
  "wallMinute",
  "learnMinute",
] as const;

/** What only `assembly/text-lines.ts` exports. */
const TEXT_FUNCTIONS = [
  "setFormat",
  "setNginxTime",
  "addLevelWord",
  "addKey",
  "addMark",
  "addZone",
  "treeAddress",
  "treeBytes",
  "setShapes",
  "heldFrom",
  "lastJoined",
  "wallAsked",
  "isYearAsked",
  "learnWall",
  "forgetYears",
  "countedBytes",
  "joinedLines",
  "joinedBytes",
] as const;

type KernelFunction = (...values: number[]) => number;
type Calls<Name extends string> = Readonly<Record<Name, KernelFunction>>;
type CountingFunction = (typeof COUNTING_FUNCTIONS)[number];

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
interface KernelOf<Name extends string> {
  readonly call: Calls<Name>;
  readonly memory: ArrayBuffer;
}

/** What all kernels have: the counts, and what they are made of. */
export type CountingKernel = KernelOf<CountingFunction>;
/** The kernel for JSON. */
export type Kernel = KernelOf<CountingFunction | (typeof JSON_FUNCTIONS)[number]>;
/** The kernel for lines of text. */
export type TextKernel = KernelOf<CountingFunction | (typeof TEXT_FUNCTIONS)[number]>;

/** Makes the built kernels from their sources. */
const BUILD_COMMAND = "npm run build:kernel";

/** Compiled at the first use, once for the process: instances share the code and have their own memory. */
const compiled = new Map<string, CompiledModule>();

/** A fresh kernel for JSON. Fails with PROGRAM_FILE_MISSING when it was never built. `location` is for tests. */
export function openKernel(location?: URL): Kernel {
  const built = new URL("./json-lines.wasm", import.meta.url);
  return open(built, [...COUNTING_FUNCTIONS, ...JSON_FUNCTIONS], location);
}

/** A fresh kernel for lines of text. Fails with PROGRAM_FILE_MISSING when it was never built. `location` is for tests. */
export function openTextKernel(location?: URL): TextKernel {
  const built = new URL("./text-lines.wasm", import.meta.url);
  return open(built, [...COUNTING_FUNCTIONS, ...TEXT_FUNCTIONS], location);
}

function open<Name extends string>(
  built: URL,
  functions: readonly Name[],
  location: URL = built,
): KernelOf<Name> {
  let code = compiled.get(location.href);
  if (code === undefined) {
    code = new WebAssembly.Module(readProgramFile(location, BUILD_COMMAND));
    if (location === built) compiled.set(built.href, code);
  }
  const exports = new WebAssembly.Instance(code).exports;
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) {
    throw new TypeError(`the kernel has no memory: run \`${BUILD_COMMAND}\``);
  }
  if (!hasFunctions(exports, functions)) {
    throw new TypeError(`the kernel is of another version: run \`${BUILD_COMMAND}\``);
  }
  return { call: exports, memory: memory.buffer };
}

function hasFunctions<Name extends string>(
  exports: Readonly<Record<string, unknown>>,
  names: readonly Name[],
): exports is Calls<Name> {
  return names.every((name) => typeof exports[name] === "function");
}
