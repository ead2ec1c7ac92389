import { type CommandIo, EXIT_FAILED, EXIT_USAGE, UsageError } from "../../shared/command.ts";
import { systemCode, systemReason, TailraceError } from "../../shared/errors.ts";
import { ArchiveReader } from "../archive/read-archive.ts";
import { readConfig } from "./read-config.ts";

/**
 * Opens the archive that `--archive` or `--config` names, lets `use` work with it, and resolves with the exit code. What is wrong is said.
 */
export async function withArchive(
  options: Readonly<Record<string, unknown>>,
  io: CommandIo,
  use: (reader: ArchiveReader, directory: string) => Promise<number>,
): Promise<number> {
  const directory = await archiveDirectory(options, io);
  if (directory === undefined) return EXIT_USAGE;
  const { disk } = io.platform;
  try {
    if ((await disk.stat(directory)).kind !== "directory") {
      io.stderr(`${directory} is no folder; name an archive's\n`);
      return EXIT_USAGE;
    }
    using reader = await ArchiveReader.open(disk, directory);
    return await use(reader, directory);
  } catch (error) {
    const isOperating = error instanceof TailraceError || systemCode(error) !== undefined;
    if (!isOperating) throw error;
    const reason = error instanceof TailraceError ? error.message : systemReason(error);
    io.stderr(`${directory}: ${reason}\n`);
    return EXIT_FAILED;
  }
}

async function archiveDirectory(
  { archive, config }: Readonly<Record<string, unknown>>,
  io: CommandIo,
): Promise<string | undefined> {
  if (typeof archive === "string" && config === undefined) return archive;
  if (typeof config !== "string" || archive !== undefined) {
    throw new UsageError("name the archive: either --archive DIR or --config aggregator.yaml");
  }
  const read = await readConfig(config, io);
  if (read === undefined) return undefined;
  if (read.archive !== undefined) return read.archive.directory;
  io.stderr(`${config}: this aggregator archives nothing; add \`archive: {}\`\n`);
  return undefined;
}
