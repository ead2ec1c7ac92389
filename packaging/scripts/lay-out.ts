/** Lays the files of the packages out as they will lie in the root of a system. */
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Architecture, architectures } from "./architectures.ts";
import type { Bundle } from "./bundle.ts";
import type { Parts } from "./fetch-parts.ts";
import { licenceTexts } from "./licences.ts";
import { findTool, runTool } from "./run-tool.ts";

/** Files that belong to whoever runs the machine once they are there. */
export const CONFIGURATION_FILES = ["/etc/tailrace/environment"] as const;

/** Where things come from. */
export interface Ingredients {
  /** The project's folder. */
  readonly root: string;
  readonly bundle: Bundle;
  readonly parts: Parts;
}

/** Lays the package `tailrace` out in `folder`. */
export async function layOutProgram(folder: string, from: Ingredients): Promise<void> {
  const { root, bundle, parts } = from;
  await rm(folder, { recursive: true, force: true });
  const put = async (source: string, target: string, mode = 0o644) => {
    const path = join(folder, target);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(source, path);
    await chmod(path, mode);
  };
  const [node, lz4] = ["usr/lib/tailrace/node", "usr/lib/tailrace/program/lz4-napi.node"];
  await put(parts.node, node, 0o755);
  await cp(bundle.folder, join(folder, "usr/lib/tailrace/program"), { recursive: true });
  await put(parts.lz4, lz4);
  await strip([join(folder, node), join(folder, lz4)], parts.architecture);
  await put(join(root, "packaging/files/tailrace"), "usr/bin/tailrace", 0o755);
  const systemd = join(root, "packaging/systemd");
  for (const unit of ["tailrace-agent.service", "tailrace-aggregator.service"]) {
    await put(join(systemd, unit), `usr/lib/systemd/system/${unit}`);
  }
  await put(join(systemd, "tailrace.sysusers"), "usr/lib/sysusers.d/tailrace.conf");
  await put(join(systemd, "tailrace.tmpfiles"), "usr/lib/tmpfiles.d/tailrace.conf");
  await put(join(root, "packaging/files/environment"), "etc/tailrace/environment", 0o600);
  await layOutShared(folder, from);
}

async function layOutShared(folder: string, { root, bundle, parts }: Ingredients): Promise<void> {
  const write = async (target: string, content: string | Buffer) => {
    const path = join(folder, target);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o644 });
  };
  const packed = async (path: string) => gzipSync(await readFile(join(root, path)), { level: 9 });
  await write("usr/share/man/man1/tailrace.1.gz", await packed("packaging/man/tailrace.1"));
  await write("usr/share/doc/tailrace/copyright", await copyright({ root, bundle, parts }));
  for (const page of ["README.md", "CHANGELOG.md", "agent/README.md", "aggregator/README.md"]) {
    await write(`usr/share/doc/tailrace/${page}`, await readFile(join(root, page)));
  }
  const reference = await readFile(join(root, "config/REFERENCE.md"));
  await write("usr/share/doc/tailrace/REFERENCE.md", reference);
  for (const kind of ["rules", "schema"]) {
    await cp(join(root, "config", kind), join(folder, "usr/share/tailrace", kind), {
      recursive: true,
    });
  }
  const places = {
    bash: "bash-completion/completions/tailrace",
    zsh: "zsh/vendor-completions/_tailrace",
    fish: "fish/vendor_completions.d/tailrace.fish",
  };
  for (const [shell, place] of Object.entries(places)) {
    const words = [join(root, "main.ts"), "completion", shell];
    await write(`usr/share/${place}`, await runTool(process.execPath, words));
  }
  const legal = (await readdir(bundle.folder)).filter((name) => name.endsWith(".LEGAL.txt"));
  for (const name of legal) await rm(join(folder, "usr/lib/tailrace/program", name));
}

/** Lays the package `tailrace-archive` out: DuckDB, which only an aggregator with an archive loads. */
export async function layOutArchive(folder: string, { root, parts }: Ingredients): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const modules = join(folder, "usr/lib/tailrace/node_modules");
  for (const [name, source] of await parts.duckdb()) {
    await cp(source, join(modules, name), { recursive: true });
  }
  const names = await readdir(modules, { recursive: true });
  const libraries = names.filter((name) => /\.(node|so)$/.test(name));
  await strip(
    libraries.map((name) => join(modules, name)),
    parts.architecture,
  );
  const notice = join(folder, "usr/share/doc/tailrace-archive/copyright");
  await mkdir(dirname(notice), { recursive: true });
  await copyFile(join(root, "node_modules/@duckdb/node-api/LICENSE"), notice);
}

/** The terms of tailrace, and those of everything in the package. */
async function copyright({ root, bundle, parts }: Ingredients): Promise<string> {
  return licenceTexts(root, [
    { name: "Node.js, the runtime, and what is built into it", folder: parts.nodeFolder },
    { name: "lz4-napi", folder: join(root, "node_modules/lz4-napi") },
    ...bundle.packages.map((path) => ({
      name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      folder: join(root, path),
    })),
  ]);
}

/** Takes symbols out of binaries, a fifth of their size. Where no tool is there for it they stay as they are. */
async function strip(paths: readonly string[], architecture: Architecture): Promise<void> {
  const tool = await findTool(architectures[architecture].strippers);
  if (tool !== undefined) await runTool(tool, ["--strip-unneeded", ...paths]);
}
