/** Builds the packages: `npm run package`, with `--help` for what may be chosen. */
import { mkdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import type { Architecture } from "./architectures.ts";
import { type Bundle, bundleProgram } from "./bundle.ts";
import { fetchParts } from "./fetch-parts.ts";
import { layOutArchive, layOutProgram } from "./lay-out.ts";
import { runTool } from "./run-tool.ts";
import { writeDeb } from "./write-deb.ts";
import { writeRpms } from "./write-rpm.ts";

/** Kinds of packages. */
export type Format = "deb" | "rpm";

/** What to build. */
export interface BuildOptions {
  readonly architectures: readonly Architecture[];
  readonly formats: readonly Format[];
  /** The version of the project when undefined. */
  readonly version?: string;
  /** Where packages go. */
  readonly target: string;
  /** False: `tailrace` alone. */
  readonly hasArchive?: boolean;
  /** False for packages that are only to be tried. */
  readonly isCompressed?: boolean;
  /** For what is in between, one call at a time; `build/packaging` when undefined. */
  readonly work?: string;
}

const root = join(import.meta.dirname, "../..");

/** Builds packages and resolves with their paths. The laid out files stay below `work`, by architecture and package. */
export async function buildPackages(options: BuildOptions): Promise<string[]> {
  const { formats, target, isCompressed = true, hasArchive = true } = options;
  const { work = join(root, "build/packaging") } = options;
  const version = options.version ?? (await projectVersion());
  const bundle = await makeBundle(work);
  const paths: string[] = [];
  for (const architecture of options.architectures) {
    const parts = await fetchParts(root, architecture, join(root, ".cache/packaging"));
    const programTree = join(work, architecture, "tailrace");
    const archiveTree = join(work, architecture, "tailrace-archive");
    await layOutProgram(programTree, { root, bundle, parts });
    if (hasArchive) await layOutArchive(archiveTree, { root, bundle, parts });
    if (formats.includes("deb")) {
      const facts = { version, architecture };
      const write = { root, target, isCompressed };
      paths.push(await writeDeb({ ...facts, name: "tailrace", tree: programTree }, write));
      if (hasArchive) {
        paths.push(
          await writeDeb({ ...facts, name: "tailrace-archive", tree: archiveTree }, write),
        );
      }
    }
    if (formats.includes("rpm")) {
      const from = { root, work, version, architecture, programTree, archiveTree };
      paths.push(...(await writeRpms(from, target)));
    }
  }
  return paths;
}

/** Lays `tailrace` out for an architecture; resolves with the folder below `work`. */
export async function layOutTree(architecture: Architecture, work: string): Promise<string> {
  const bundle = await makeBundle(work);
  const parts = await fetchParts(root, architecture, join(root, ".cache/packaging"));
  const tree = join(work, architecture, "tailrace");
  await layOutProgram(tree, { root, bundle, parts });
  return tree;
}

async function makeBundle(work: string): Promise<Bundle> {
  await runTool("npm", ["run", "--silent", "build:kernel"], { folder: root });
  return bundleProgram(root, join(work, "bundle"));
}

/** The version that package.json says. */
export async function projectVersion(): Promise<string> {
  const text = await readFile(join(root, "package.json"), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

async function main(): Promise<void> {
  const command = new Command("npm run package --")
    .description("Builds tailrace and tailrace-archive with their own runtime.")
    .option("--architecture <name...>", "amd64, arm64; both when left out")
    .option("--format <name...>", "deb, rpm; both when left out")
    .option("--target <folder>", "where packages go", join(root, "build/packages"));
  command.parse();
  const options = z
    .object({
      architecture: z.array(z.enum(["amd64", "arm64"])).prefault(["amd64", "arm64"]),
      format: z.array(z.enum(["deb", "rpm"])).prefault(["deb", "rpm"]),
      target: z.string(),
    })
    .parse(command.opts());
  await mkdir(options.target, { recursive: true });
  const paths = await buildPackages({
    architectures: options.architecture,
    formats: options.format,
    target: options.target,
  });
  for (const path of paths) {
    const { size } = await stat(path);
    process.stdout.write(`${relative(root, path)}  ${(size / 2 ** 20).toFixed(1)} MiB\n`);
  }
}

if (import.meta.main) await main();
