/** A configuration from its file, the snippets in `conf.d` beside it, and the secrets that they name. */
import { dirname, join } from "node:path";
import type { z } from "zod";
import { systemCode, systemReason } from "../errors.ts";
import type { Disk } from "../platform/disk.ts";
import { readWholeFile } from "../platform/read-whole-file.ts";
import { type ConfigPart, joinParts } from "./join-parts.ts";
import { type Loaded, loadConfigParts } from "./load.ts";
import { lookUpSecrets, secretFiles, secretReferences } from "./secret.ts";

/** What a configuration is read from. */
export interface ConfigPlaces {
  readonly disk: Disk;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Is told in which files secrets of the configuration stand, each time it is read. */
  readonly noteSecretFiles?: (paths: readonly string[]) => void;
}

/**
 * Reads and checks the configuration in `file` together with every `conf.d/*.yaml` beside it, by name. A file that cannot be read is a fault
 * like any other.
 */
export async function loadConfigFiles<S extends z.ZodType>(
  schema: S,
  file: string,
  places: ConfigPlaces,
): Promise<Loaded<z.output<S>>> {
  return loadFrom(schema, [file, ...(await snippets(file, places.disk))], places);
}

/** The same of one file alone, whatever stands beside it. */
export async function loadConfigFile<S extends z.ZodType>(
  schema: S,
  file: string,
  places: ConfigPlaces,
): Promise<Loaded<z.output<S>>> {
  return loadFrom(schema, [file], places);
}

async function loadFrom<S extends z.ZodType>(
  schema: S,
  paths: readonly string[],
  places: ConfigPlaces,
): Promise<Loaded<z.output<S>>> {
  const parts: ConfigPart[] = [];
  for (const path of paths) {
    try {
      const text = (await readWholeFile(places.disk, path)).toString("utf8");
      parts.push({ file: path, text });
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      const message = `cannot be read: ${systemReason(error)}`;
      return { faults: [{ file: path, line: 1, column: 1, path: "", message }] };
    }
  }
  const references = secretReferences(schema, joinParts(parts).value);
  places.noteSecretFiles?.(secretFiles(references));
  return loadConfigParts(schema, parts, await lookUpSecrets(references, places));
}

/** A text that changes when a file of the configuration does, or one of `others`; the files are not read. */
export async function configSignature(
  file: string,
  disk: Disk,
  others: readonly string[] = [],
): Promise<string> {
  const found: string[] = [];
  for (const path of [file, ...(await snippets(file, disk)), ...others]) {
    try {
      const { inode, bytes, modifiedMs } = await disk.stat(path);
      found.push(`${path} ${inode} ${bytes} ${modifiedMs}`);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      found.push(`${path} ${code}`);
    }
  }
  return found.join("\n");
}

async function snippets(file: string, disk: Disk): Promise<string[]> {
  const folder = join(dirname(file), "conf.d");
  try {
    const names = await disk.list(folder);
    return names.filter((name) => name.endsWith(".yaml")).map((name) => join(folder, name));
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    if (code === undefined) throw error;
    // Told as a file that cannot be read: what stands in it must not be left out silently.
    return [folder];
  }
}
