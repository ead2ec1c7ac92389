/** The parts of a package that depend on the architecture: the runtime, and native modules. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Architecture, architectures, NODE_VERSION } from "./architectures.ts";
import { runTool } from "./run-tool.ts";

/** Where the parts lie. */
export interface Parts {
  readonly architecture: Architecture;
  readonly node: string;
  /** The package that brought it, with its licence. */
  readonly nodeFolder: string;
  readonly lz4: string;
  /** Folders of the packages that the archive needs, by name. */
  readonly duckdb: () => Promise<ReadonlyMap<string, string>>;
}

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string(), integrity: z.string() }).partial(),
  ),
});

/** Brings the parts for an architecture: those of this machine are installed already, others come from the registry into `cache`. */
export async function fetchParts(
  root: string,
  architecture: Architecture,
  cache: string,
): Promise<Parts> {
  const { npm, nodeIntegrity } = architectures[architecture];
  const lock = lockSchema.parse(
    JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")),
  );
  const isHost = process.arch === npm;
  const locked = async (name: string) => {
    if (isHost) return join(root, "node_modules", name);
    const { version = "", integrity = "" } = lock.packages[`node_modules/${name}`] ?? {};
    if (integrity === "") throw new Error(`package-lock.json has no ${name}`);
    return fetchPackage({ root, cache, name, version, integrity });
  };
  if (lock.packages["node_modules/node"]?.version !== NODE_VERSION) {
    throw new Error("architectures.ts names another version of node than package-lock.json");
  }
  const installed = join(root, "node_modules/node/node_modules", `node-linux-${npm}`);
  // The package `node` puts it there when it is installed, and the next `npm install` takes it away: the lock does not know it.
  const nodeFolder =
    isHost && existsSync(installed)
      ? installed
      : await fetchPackage({
          ...{ root, cache, name: `node-linux-${npm}`, version: NODE_VERSION },
          integrity: nodeIntegrity,
        });
  const lz4 = await locked(`@antoniomuso/lz4-napi-linux-${npm}-gnu`);
  return {
    architecture,
    node: join(nodeFolder, "bin/node"),
    nodeFolder,
    lz4: join(lz4, `lz4-napi.linux-${npm}-gnu.node`),
    duckdb: async () => {
      const folders = new Map<string, string>();
      for (const name of ["node-api", "node-bindings", `node-bindings-linux-${npm}`]) {
        folders.set(`@duckdb/${name}`, await locked(`@duckdb/${name}`));
      }
      return folders;
    },
  };
}

interface WantedPackage {
  readonly root: string;
  readonly cache: string;
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

/** The unpacked folder of a package, which is asked for only once and whose content is checked. */
async function fetchPackage(wanted: WantedPackage): Promise<string> {
  const { root, cache, name, version, integrity } = wanted;
  const place = join(cache, `${name.replaceAll("/", "-")}-${version}`);
  const archive = `${place}.tgz`;
  await mkdir(cache, { recursive: true });
  if (!(await hasIntegrity(archive, integrity))) {
    const words = ["pack", `${name}@${version}`, "--silent", "--pack-destination", cache];
    const printed = await runTool("npm", words, { folder: root });
    await rename(join(cache, printed.trim().split("\n").at(-1) ?? ""), archive);
    if (!(await hasIntegrity(archive, integrity))) {
      throw new Error(`${name} ${version} is not what it was: its integrity is not ${integrity}`);
    }
  }
  const unpacked = join(place, "package");
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  await runTool("tar", ["-xzf", archive, "-C", place]);
  return unpacked;
}

async function hasIntegrity(path: string, integrity: string): Promise<boolean> {
  try {
    const hash = createHash("sha512").update(await readFile(path));
    return `sha512-${hash.digest("base64")}` === integrity;
  } catch {
    // It is not there yet.
    return false;
  }
}
