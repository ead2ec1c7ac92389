import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemCode, TailraceError } from "../errors.ts";

/**
 * The bytes of a file that belongs to the program itself, such as a compiled kernel beside its host. It is read as modules are: at once,
 * from the real disk, also where the program's data lies on a simulated one.
 * Fails with PROGRAM_FILE_MISSING, saying the command that makes the file.
 */
export function readProgramFile(location: URL, makeCommand: string): Buffer {
  try {
    return readFileSync(location);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    const path = fileURLToPath(location);
    throw new TailraceError(
      "PROGRAM_FILE_MISSING",
      `${path} is a part of tailrace that is built and is not there: run \`${makeCommand}\` in the folder of the project`,
      { cause: error, facts: { path } },
    );
  }
}
