import type { FoundFile, FoundFiles } from "./find-files.ts";
import { hasRotatedNameElsewhere } from "./match-file.ts";
import { logNameOf } from "./rotation-name.ts";

/** What the patterns found at one look, by the names of logs. */
export class MatchedFiles {
  private readonly files: FoundFiles;
  private byLogName: ReadonlyMap<string, readonly FoundFile[]> | undefined;
  private paths: ReadonlySet<string> | undefined;

  constructor(files: FoundFiles) {
    this.files = files;
  }

  /** States whether the patterns found a name of a file, be it another one's by now. */
  has(found: FoundFile): boolean {
    this.paths ??= new Set([...this.files.values()].flatMap(({ paths }) => paths));
    return found.paths.some((path) => this.paths?.has(path));
  }

  /** Files whose names, without rotation endings, are this one. */
  ofLog(logName: string): readonly FoundFile[] {
    // Most looks never ask.
    this.byLogName ??= Map.groupBy(this.files.values(), ({ paths }) => logNameOf(paths[0] ?? ""));
    return this.byLogName.get(logName) ?? [];
  }

  /** Files of other folders whose names are one of `names` plus a rotation ending. */
  rotatedElsewhere(names: ReadonlySet<string>): FoundFile[] {
    const logNames = new Set([...names].map(logNameOf));
    const found = [...logNames].flatMap((logName) => this.ofLog(logName));
    return found.filter(({ paths }) => paths.some((path) => hasRotatedNameElsewhere(path, names)));
  }
}
