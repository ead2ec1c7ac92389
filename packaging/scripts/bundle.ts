import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { type Assets, bundlePlugin } from "./bundle-plugin.ts";

/** The archive's library is large and native: it stays a package of its own, installed only where it is wanted. */
const EXTERNAL = ["@duckdb/node-api"];
/** CommonJS packages in the bundle ask for what Node itself brings. */
const BANNER =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/**
 * Bundles the program in `root` into `folder`: `main.js`, the parts that it loads lazily, and the files that sources name. Only the native
 * modules are missing. A file that is a thread's own program is bundled, too.
 */
export async function bundleProgram(root: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const assets: Assets = new Map();
  await bundle(root, folder, assets, { main: join(root, "main.ts") });
  const threads = [...assets].filter(([name]) => name.endsWith(".ts"));
  if (threads.length > 0) throw new Error(`threads cannot be bundled yet: ${threads.join(", ")}`);
  for (const [name, path] of assets) await cp(path, join(folder, name));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
}

async function bundle(
  root: string,
  folder: string,
  assets: Assets,
  entryPoints: Record<string, string>,
): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints,
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
    plugins: [bundlePlugin(root, assets)],
    logLevel: "warning",
  });
}
