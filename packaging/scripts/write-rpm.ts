import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Architecture, architectures } from "./architectures.ts";
import { findTool, runTool } from "./run-tool.ts";

/** What goes into the two packages. */
export interface RpmIngredients {
  /** The project's folder. */
  readonly root: string;
  /** For what is in between. */
  readonly work: string;
  readonly version: string;
  readonly architecture: Architecture;
  readonly programTree: string;
  readonly archiveTree: string;
}

/** Writes `tailrace` and `tailrace-archive` for Red Hat's system and its kin into `target`; resolves with their paths. */
export async function writeRpms(from: RpmIngredients, target: string): Promise<string[]> {
  const { root, work, version, architecture, programTree, archiveTree } = from;
  if ((await findTool(["rpmbuild"])) === undefined) {
    throw new Error(
      "rpmbuild is not there: install it (`apt-get install rpm`), or give --format deb",
    );
  }
  const top = join(work, "rpm");
  await rm(top, { recursive: true, force: true });
  await mkdir(top, { recursive: true });
  const { rpm } = architectures[architecture];
  const definitions = {
    _topdir: top,
    package_version: version,
    program_tree: programTree,
    archive_tree: archiveTree,
  };
  const words = Object.entries(definitions).flatMap(([name, value]) => [
    "--define",
    `${name} ${value}`,
  ]);
  await runTool("rpmbuild", [
    ...["-bb", "--target", `${rpm}-linux`, ...words],
    join(root, "packaging/rpm/tailrace.spec"),
  ]);
  await mkdir(target, { recursive: true });
  const made = join(top, "RPMS", rpm);
  const paths: string[] = [];
  for (const name of await readdir(made)) {
    await cp(join(made, name), join(target, name));
    paths.push(join(target, name));
  }
  await rm(top, { recursive: true });
  return paths.toSorted();
}
