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
  const packages = await bundle(root, folder, assets);
  for (const [name, path] of assets) await cp(path, join(folder, name));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  return { folder, packages };
}

async function bundle(root: string, folder: string, assets: Assets): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["main.ts", ...THREADS].map((path) => ({
      in: join(root, path),
      out: basename(path, ".ts"),
    })),
    outdir: folder,
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
    plugins: [bundlePlugin(root, { assets, threads: THREADS.map((path) => join(root, path)) })],
    metafile: true,
    logLevel: "warning",
  });
  const folders = Object.keys(metafile.inputs).flatMap((path) => PACKAGE_FOLDER.exec(path) ?? []);
  return [...new Set(folders)].toSorted();
}
