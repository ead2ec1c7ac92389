import type { CommandIo } from "../../shared/command.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { systemReason } from "../../shared/errors.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { loadRules } from "../rules/load-rules.ts";
import type { TestedRules } from "../rules/rule-test.ts";
import { AGENTS_STREAM, SELF_STREAM, type ThresholdRule } from "../rules/threshold-rule.ts";

/** A file that was read. */
export interface ReadFile {
  readonly file: string;
  readonly text: string;
}

/** Loads the rules of files and folders that can be run over recordings; undefined: something is wrong, and was said. */
export async function readRules(
  paths: readonly string[],
  io: CommandIo,
): Promise<TestedRules | undefined> {
  const loaded = await readAllRules(paths, io);
  if (loaded === undefined) return undefined;
  const isLive = ({ config }: ThresholdRule) =>
    [SELF_STREAM, AGENTS_STREAM].includes(config.stream);
  const live = loaded.thresholds.filter(isLive).map(({ config }) => config.name);
  if (live.length > 0) {
    io.stderr(`left out, since they look at a running aggregator: ${live.join(", ")}\n`);
  }
  return { rules: loaded.rules, thresholds: loaded.thresholds.filter((rule) => !isLive(rule)) };
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
