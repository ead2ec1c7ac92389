import type { CommandIo } from "../../shared/command.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { systemReason } from "../../shared/errors.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { loadRules, type Rule } from "../rules/load-rules.ts";
import type { TestedRules } from "../rules/rule-test.ts";

/** A file that was read. */
export interface ReadFile {
  readonly file: string;
  readonly text: string;
}

/** Loads the patterns of files and folders; undefined: something is wrong, and was said. */
export async function readRules(
  paths: readonly string[],
  io: CommandIo,
): Promise<readonly Rule[] | undefined> {
  const loaded = await readAllRules(paths, io);
  if (loaded === undefined || loaded.thresholds.length === 0) return loaded?.rules;
  const names = loaded.thresholds.map(({ config }) => config.name).join(", ");
  io.stderr(`left out, since windows and not events are their matter: ${names}\n`);
  return loaded.rules;
}

/** Loads the rules of files and folders, of both kinds; undefined: something is wrong, and was said. */
export async function readAllRules(
  paths: readonly string[],
  io: CommandIo,
): Promise<TestedRules | undefined> {
  const texts = await readFiles(paths, io);
  if (texts === undefined) return undefined;
  const loaded = loadRules(texts);
  if (loaded.faults !== undefined) {
    io.stderr(faultLines(loaded.faults));
    return undefined;
  }
  return loaded;
}

/** Reads files, and all YAML files of folders; undefined: one cannot be read, and it was said. */
export async function readFiles(
  paths: readonly string[],
  io: CommandIo,
): Promise<ReadFile[] | undefined> {
  const texts: ReadFile[] = [];
  for (const path of paths) {
    try {
      for (const file of await filesOf(path, io)) {
        const text = (await readWholeFile(io.platform.disk, file)).toString("utf8");
        texts.push({ file, text });
      }
    } catch (error) {
      io.stderr(`${path}: cannot be read: ${systemReason(error)}\n`);
      return undefined;
    }
  }
  return texts;
}

async function filesOf(path: string, { platform }: CommandIo): Promise<string[]> {
  const found = await platform.disk.glob(`${path.replace(/\/+$/, "")}/*.{yaml,yml}`);
  return found.length > 0 ? found.toSorted() : [path];
}
