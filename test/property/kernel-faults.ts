/**
 * Tests the test: plants faults in a copy of the kernel's sources, one at a time, and requires that the nasty lines find each of them.
 * `node test/property/kernel-faults.ts [name]` plants all, or those whose name contains a text.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { detailFaults } from "./kernel-detail-faults.ts";
import { findDetailDifference } from "./kernel-details.ts";
import { kernelTexts, nastyCase, parserTexts } from "./kernel-difference.ts";
import type { PlantedFault } from "./kernel-fault.ts";
import { lineFaults } from "./kernel-line-faults.ts";
import { valueFaults } from "./kernel-value-faults.ts";

const SOURCES = new URL("../../agent/kernel/", import.meta.url);

/** All faults. Not among them: changes that change no result, such as checks that a later comparison repeats. */
export const plantedFaults: readonly PlantedFault[] = [
  ...valueFaults,
  ...lineFaults,
  ...detailFaults,
];

/** Cases that take long are not repeated for each fault. */
const expectedTexts = new Map<number, string>();

/** Plants a fault in a copy of the kernel, builds it, and returns the seed of the first case that finds it; undefined when none does. */
export async function plantFault(
  fault: PlantedFault,
  caseCountMax: number,
): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "kernel-fault-"));
  try {
    await cp(new URL("assembly/", SOURCES), join(folder, "assembly"), { recursive: true });
    const file = join(folder, "assembly", fault.file);
    const source = await readFile(file, "utf8");
    if (source.split(fault.find).length !== 2) {
      throw new Error(`${fault.name}: its text does not stand once in ${fault.file}`);
    }
    await writeFile(
      file,
      source.replace(fault.find, () => fault.replace),
    );
    const kernel = await buildKernel(folder);
    const find = detailFaults.includes(fault) ? findsByDetails : finds;
    for (let seed = 1; seed <= caseCountMax; seed++) if (find(seed, kernel)) return seed;
    return undefined;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function finds(seed: number, kernel: URL): boolean {
  const nasty = nastyCase(seed);
  const expected = expectedTexts.get(seed) ?? parserTexts(nasty);
  expectedTexts.set(seed, expected);
  try {
    return kernelTexts(nasty, kernel) !== expected;
  } catch (error) {
    // A kernel that traps is found, too; and so is one whose sketches are malformed.
    if (error instanceof Error) return true;
    throw error;
  }
}

function findsByDetails(seed: number, kernel: URL): boolean {
  try {
    return findDetailDifference(nastyCase(seed), kernel) !== undefined;
  } catch (error) {
    // A kernel that traps is found, too.
    if (error instanceof Error) return true;
    throw error;
  }
}

async function buildKernel(folder: string): Promise<URL> {
  const { main } = await import("assemblyscript/asc");
  await cp(new URL("asconfig.json", SOURCES), join(folder, "asconfig.json"));
  const { error, stderr } = await main(["--config", "asconfig.json", "--baseDir", folder]);
  if (error !== null) throw new Error(`the kernel does not compile: ${stderr.toString()}`);
  return pathToFileURL(join(folder, "json-lines.wasm"));
}

if (import.meta.main) {
  const [wanted = ""] = process.argv.slice(2);
  let missed = 0;
  for (const fault of plantedFaults.filter(({ name }) => name.includes(wanted))) {
    const seed = await plantFault(fault, 400);
    if (seed === undefined) missed++;
    process.stdout.write(`${fault.name}: ${seed === undefined ? "NOT FOUND" : `case ${seed}`}\n`);
  }
  process.stdout.write(`${missed} not found\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}
