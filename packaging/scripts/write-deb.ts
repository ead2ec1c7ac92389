import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
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

const MAINTAINER = "tailrace <tailrace@example.org>";
const CONTROL = {
  tailrace: `Depends: libc6 (>= 2.28), libstdc++6 (>= 5), libgcc-s1, libatomic1, passwd
Suggests: tailrace-archive
Description: turns logs into exact per-minute numbers
 An agent tails log files, counts per minute and service, and ships small
 batches; an aggregator merges the parts of all hosts into windows with error
 rates and latency quantiles, runs rules and hands both on. Nothing is lost or
 counted twice, whatever crashes. Brings its own runtime.`,
  "tailrace-archive": `Depends: libc6 (>= 2.28), libstdc++6 (>= 6), libgcc-s1, tailrace
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
  const own = await writeOwnFiles(facts, root);
  const sums = await md5Sums(tree);
  const kibibytes = (await runTool("du", ["-sk", "--apparent-size", tree])).split("\t")[0];
  await mkdir(control);
  const head = [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    "Section: admin",
    "Priority: optional",
    `Installed-Size: ${kibibytes}`,
    CONTROL[name],
  ];
  await writeFile(join(control, "control"), `${head.join("\n")}\n`);
  await writeFile(join(control, "md5sums"), sums);
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
  for (const path of own) await rm(path, { recursive: true });
  return path;
}

/** Writes what only Debian has, for the tools that judge packages and show changes; resolves with the paths. */
async function writeOwnFiles(facts: PackageFacts, root: string): Promise<string[]> {
  const { name, tree } = facts;
  const changes = join(tree, "usr/share/doc", name, "changelog.gz");
  await writeFile(changes, gzipSync(changelog(facts), { level: 9 }));
  if (name !== "tailrace") return [changes];
  const lintian = join(tree, "usr/share/lintian");
  const overrides = join(lintian, "overrides", name);
  await mkdir(dirname(overrides), { recursive: true });
  await copyFile(join(root, "packaging/deb/lintian-overrides"), overrides);
  await chmod(overrides, 0o644);
  return [changes, lintian];
}

/** One entry, at SOURCE_DATE_EPOCH, or now. */
function changelog({ name, version }: PackageFacts): string {
  const epoch = process.env["SOURCE_DATE_EPOCH"];
  const date = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000);
  const lines = [
    `${name} (${version}) unstable; urgency=medium`,
    "  * What has changed stands in /usr/share/doc/tailrace/CHANGELOG.md.",
    ` -- ${MAINTAINER}  ${date.toUTCString().replace("GMT", "+0000")}`,
  ];
  return `${lines.join("\n\n")}\n`;
}

/** What `dpkg --verify` compares with what lies there; what belongs to the administrator is not among it. */
async function md5Sums(tree: string): Promise<string> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)))
    .filter((path) => !CONFIGURATION_FILES.some((file) => file === `/${path}`))
    .toSorted();
  let text = "";
  for (const path of paths) {
    const digest = createHash("md5")
      .update(await readFile(join(tree, path)))
      .digest("hex");
    text += `${digest}  ${path}\n`;
  }
  return text;
}
