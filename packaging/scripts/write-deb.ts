import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Architecture } from "./architectures.ts";
import { CONFIGURATION_FILES } from "./lay-out.ts";
import { runTool } from "./run-tool.ts";

/** One package as both formats describe it. */
export interface PackageFacts {
  readonly name: "tailrace" | "tailrace-archive";
  readonly version: string;
  readonly architecture: Architecture;
  /** Its files as they will lie in the root of a system. */
  readonly tree: string;
}

/** How a package is written. */
export interface WriteOptions {
  /** The project's folder. */
  readonly root: string;
  /** Where the package goes. */
  readonly target: string;
  /** False for a package that is only to be tried: nothing is compressed. */
  readonly isCompressed: boolean;
}

const CONTROL = {
  tailrace: `Depends: libc6 (>= 2.28), libstdc++6 (>= 10), libgcc-s1, libatomic1
Recommends: init-system-helpers, passwd
Suggests: tailrace-archive
Description: turns logs into exact per-minute numbers
 An agent tails log files, counts per minute and service, and ships small
 batches; an aggregator merges the parts of all hosts into windows with error
 rates and latency quantiles, runs rules and hands both on. Nothing is lost or
 counted twice, whatever crashes. Brings its own runtime.`,
  "tailrace-archive": `Depends: libc6 (>= 2.28), libstdc++6 (>= 10), tailrace
Description: DuckDB for the archive of a tailrace aggregator
 Needed where aggregator.yaml says "archive:", for "tailrace query" and for
 "tailrace rules backtest".`,
};

/** Writes a package for Debian and its kin; resolves with its path. */
export async function writeDeb(facts: PackageFacts, options: WriteOptions): Promise<string> {
  const { name, version, architecture, tree } = facts;
  const { root, target, isCompressed } = options;
  const control = join(tree, "DEBIAN");
  await rm(control, { recursive: true, force: true });
  const kibibytes = (await runTool("du", ["-sk", "--apparent-size", tree])).split("\t")[0];
  await mkdir(control);
  const head = [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    "Maintainer: tailrace <tailrace@example.org>",
    "Section: admin",
    "Priority: optional",
    `Installed-Size: ${kibibytes}`,
    CONTROL[name],
  ];
  await writeFile(join(control, "control"), `${head.join("\n")}\n`);
  if (name === "tailrace") {
    await writeFile(join(control, "conffiles"), `${CONFIGURATION_FILES.join("\n")}\n`);
    for (const script of ["postinst", "prerm", "postrm"]) {
      await copyFile(join(root, "packaging/deb", script), join(control, script));
      await chmod(join(control, script), 0o755);
    }
  }
  await mkdir(target, { recursive: true });
  const path = join(target, `${name}_${version}_${architecture}.deb`);
  const compression = isCompressed ? ["-Zxz", "-z3"] : ["-Znone"];
  await runTool("dpkg-deb", ["--root-owner-group", ...compression, "--build", tree, path]);
  await rm(control, { recursive: true });
  return path;
}
