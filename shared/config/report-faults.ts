import type { ConfigFault } from "./load.ts";

/** Faults as people read them, one a line: `file:line:column: path: what is wrong`, and how many there are. */
export function faultLines(faults: readonly ConfigFault[]): string {
  const lines = faults.map(({ file, line, column, path, message }) => {
    const where = `${file}:${line}:${column}`;
    return path === "" ? `${where}: ${message}` : `${where}: ${path}: ${message}`;
  });
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return `${lines.join("\n")}\n${count}\n`;
}
