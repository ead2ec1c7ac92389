import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { Plugin, PluginBuild } from "esbuild";

/** What the bundle needs beside it: paths of files by the name under which they have to lie in the bundle's folder. */
export type Assets = Map<string, string>;

/** Files that sources name. */
export interface OwnFiles {
  /** Filled while the bundle is made. */
  readonly assets: Assets;
  /** Paths of modules that run in threads, each bundled as an entry under its own name. */
  readonly threads: readonly string[];
}

const NATIVE_LZ4 = "lz4-napi.node";
/** `new URL("./other-file", import.meta.url)`, the one way in which sources name a file that belongs to them. */
const OWN_FILE = /new URL\(\s*"([^"]+)",\s*import\.meta\.url,?\s*\)/g;
/** The same object either way; but of what is imported as a whole the bundler leaves out what nobody uses: 49 languages, and most of the kinds. */
const NAMED_ZOD = /^import \{ z \} from "zod"/m;
const HTTP_CLIENT = `
import api from "undici/lib/api/index.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Client from "undici/lib/dispatcher/client.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
Object.assign(Dispatcher.prototype, api);
export { Agent, Client };
`;
/** Measurements and simulations live with the tests, which are not shipped. */
const CHECKOUT_ONLY = `
import { UsageError } from "../command.ts";
const refuse = () => { throw new UsageError("it needs a checkout of the project, where the tests are"); };
export { refuse as runBenchmark, refuse as runSeed, refuse as runSim };
`;

/**
 * What sources may do that a bundle cannot as it is: load CommonJS packages lazily by their names, load a native module, name files beside
 * themselves, and use the tests. `separate` are sources that are bundled apart, by name, and where they lie then.
 */
export function bundlePlugin(
  root: string,
  ownFiles: OwnFiles,
  separate: ReadonlyMap<string, string>,
): Plugin {
  return {
    name: "tailrace",
    setup: (build) => {
      takeNativeModules(build);
      takeBuiltinModules(build);
      takeHttpClient(build, root);
      nameExports(build, root);
      leaveTestsOut(build, root);
      build.onResolve({ filter: /\.ts$/ }, ({ path }) => {
        const place = separate.get(basename(path));
        return place === undefined ? undefined : { path: place, external: true };
      });
      collectOwnFiles(build, ownFiles);
    },
  };
}

/** The package looks for one of many binaries; the one of the architecture lies beside the bundle under one name. */
function takeNativeModules(build: PluginBuild): void {
  build.onResolve({ filter: /^lz4-napi$/ }, () => ({ path: "lz4-napi", namespace: "native" }));
  build.onLoad({ filter: /.*/, namespace: "native" }, () => ({
    contents: `module.exports = require("./${NATIVE_LZ4}");`,
  }));
  build.onResolve({ filter: /\.node$/ }, ({ path }) => ({ path, external: true }));
}

/**
 * What is imported from Node as a module has every name of it looked up, and some only then load what is behind them: `node:http` an HTTP client
 * of Node's own, 78 ms of CPU that no start should pay for (`test/benchmark/idle.ts`). Asked for as an object it has what is used looked up.
 */
function takeBuiltinModules(build: PluginBuild): void {
  build.onResolve({ filter: /^node:/ }, ({ path, kind }) => {
    return kind === "import-statement" ? { path, namespace: "builtin" } : undefined;
  });
  build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
    contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
  }));
}

/** Of undici the two classes that are used, with what a request takes: the whole of it, with a `fetch` and a cache, took twice the time to load. */
function takeHttpClient(build: PluginBuild, root: string): void {
  build.onResolve({ filter: /^undici$/ }, ({ path, importer }) =>
    // Drivers of stores that use it need more of it.
    importer.includes("/node_modules/") ? undefined : { path, namespace: "client" },
  );
  build.onLoad({ filter: /.*/, namespace: "client" }, () => ({
    contents: HTTP_CLIENT,
    resolveDir: root,
  }));
}

/** Node finds out the names that a CommonJS package exports when it is imported; the bundler does not, so they are written down. */
function nameExports(build: PluginBuild, root: string): void {
  const { resolve } = createRequire(join(root, "main.ts"));
  build.onResolve({ filter: /^[@a-z]/ }, ({ path, kind, importer }) => {
    const isOurs = kind === "dynamic-import" && !importer.includes("/node_modules/");
    if (!isOurs || path.startsWith("node:") || isExternal(build, path)) return undefined;
    return { path, namespace: "named" };
  });
  build.onLoad({ filter: /.*/, namespace: "named" }, async ({ path }) => {
    const names = Object.keys(await import(path)).filter((name) => name !== "module.exports");
    const list = names.map((name) => JSON.stringify(name)).join(", ");
    return {
      contents: `export { ${list} } from ${JSON.stringify(path)};`,
      resolveDir: dirname(resolve("./package.json")),
    };
  });
}

function isExternal(build: PluginBuild, path: string): boolean {
  return build.initialOptions.external?.includes(path) ?? false;
}

function leaveTestsOut(build: PluginBuild, root: string): void {
  build.onResolve({ filter: /\/test\// }, ({ path }) => ({ path, namespace: "checkout" }));
  build.onLoad({ filter: /.*/, namespace: "checkout" }, () => ({
    contents: CHECKOUT_ONLY,
    resolveDir: join(root, "shared/platform"),
  }));
}

/** Puts files that sources name beside the bundle, and has the sources look for them there; threads are bundled by themselves. All import zod
 * as a whole. */
function collectOwnFiles(build: PluginBuild, { assets, threads }: OwnFiles): void {
  build.onLoad({ filter: /\/(agent|aggregator|shared)\/.*\.ts$/ }, async ({ path }) => {
    const text = await readFile(path, "utf8");
    const source = text.replace(NAMED_ZOD, 'import * as z from "zod"');
    const contents = source.replaceAll(OWN_FILE, (_all, target: string) => {
      const file = join(dirname(path), target);
      const isThread = threads.includes(file);
      if (!isThread && file.endsWith(".ts")) throw new Error(`${file} is no entry of the bundle`);
      if (!isThread) assets.set(basename(target), file);
      return `new URL("./${isThread ? basename(target, ".ts") + ".js" : basename(target)}", import.meta.url)`;
    });
    return { contents, loader: "ts" };
  });
}
