import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { type Assets, bundlePlugin } from "./bundle-plugin.ts";

/** The archive's library is large and native: it stays a package of its own, installed only where it is wanted. */
const EXTERNAL = ["@duckdb/node-api"];
/**
 * The pieces by name, each bundled alone and with its parts: what two of them use, each has for itself. The agent's is apart because it shares
 * nearly everything with some command, and what is shared would be in many files.
 */
const ENTRIES = { main: "main.ts", agent: "agent/commands/agent-alone.ts" } as const;
const PACKAGE_FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;
/** CommonJS packages in the bundle ask for what Node itself brings. */
const BANNER =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

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
  for (const [name, entry] of Object.entries(ENTRIES)) {
    for (const found of await bundle({ root, folder, name, entry, assets })) packages.add(found);
  }
  const threads = [...assets].filter(([name]) => name.endsWith(".ts"));
  if (threads.length > 0) throw new Error(`threads cannot be bundled yet: ${threads.join(", ")}`);
  for (const [name, path] of assets) await cp(path, join(folder, name));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  return { folder, packages: [...packages].toSorted() };
}

interface Piece {
  readonly root: string;
  readonly folder: string;
  readonly name: string;
  readonly entry: string;
  readonly assets: Assets;
}

async function bundle({ root, folder, name, entry, assets }: Piece): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { [name]: join(root, entry) },
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
    plugins: [bundlePlugin(root, assets, separateEntries(name))],
    metafile: true,
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs).flatMap((path) => PACKAGE_FOLDER.exec(path) ?? []);
}

/** What is bundled apart from the piece `name`, which only loads it. */
function separateEntries(name: string): ReadonlyMap<string, string> {
  const others = Object.entries(ENTRIES).filter(([other]) => other !== name);
  return new Map(others.map(([other, entry]) => [basename(entry), `./${other}.js`]));
}
