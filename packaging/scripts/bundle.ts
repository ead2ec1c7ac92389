import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { type Assets, bundlePlugin } from "./bundle-plugin.ts";

/** The archive's library is large and native: it stays a package of its own, installed only where it is wanted. */
const EXTERNAL = ["@duckdb/node-api"];
const PACKAGE_FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;
/** CommonJS packages in the bundle ask for what Node itself brings. */
const BANNER =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** What runs in threads of its own, from the project's root: each is an entry of the bundle beside the program. */
const THREADS = ["agent/scan/scan-thread.ts"];
/**
 * Entries by the name of the piece that they are in. Each piece is bundled by itself, and what two of them use, each has: the agent's is apart since it
 * shares nearly everything with some command, and what is shared would be in many files.
 */
const PIECES: ReadonlyMap<string, readonly string[]> = new Map([
  ["main", ["main.ts", ...THREADS]],
  ["agent", ["agent/commands/agent-alone.ts"]],
]);

/** A bundled program. */
export interface Bundle {
  readonly folder: string;
  /** Folders of the npm packages of which something is in it, from the project's root, in alphabetical order. */
  readonly packages: readonly string[];
}

/**
 * Bundles the program in `root` into `folder`: `main.js`, the parts that it loads lazily, and the files that sources name. Only the native
 * modules are missing.
 */
export async function bundleProgram(root: string, folder: string): Promise<Bundle> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const assets: Assets = new Map();
  const packages = new Set<string>();
  for (const name of PIECES.keys()) {
    for (const found of await bundle({ root, folder, name, assets })) packages.add(found);
  }
  for (const [name, path] of assets) await cp(path, join(folder, name));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  return { folder, packages: [...packages].toSorted() };
}

interface Piece {
  readonly root: string;
  readonly folder: string;
  readonly name: string;
  readonly assets: Assets;
}

async function bundle({ root, folder, name, assets }: Piece): Promise<readonly string[]> {
  const entries = PIECES.get(name) ?? [];
  const threads = THREADS.map((path) => join(root, path));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries.map((path) => ({ in: join(root, path), out: basename(path, ".ts") })),
    outdir: folder,
    chunkNames: `${name}-[name]-[hash]`,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node26",
    external: EXTERNAL,
    // Names of functions and classes stay, for whoever reads a stack trace.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "external",
    banner: { js: BANNER },
    plugins: [bundlePlugin(root, { assets, threads }, separateEntries(name))],
    metafile: true,
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs).flatMap((path) => PACKAGE_FOLDER.exec(path) ?? []);
}

/** Entries of other pieces than `name`, by file name, and where they lie: it only loads them. */
function separateEntries(name: string): ReadonlyMap<string, string> {
  const others = [...PIECES].flatMap(([other, entries]) => (other === name ? [] : entries));
  return new Map(others.map((path) => [basename(path), `./${basename(path, ".ts")}.js`]));
}
