/** Compiles a glob pattern of absolute paths: `*`, `?`, `**`, `[…]` and `{a,b}`. For the simulated disk; the real one uses Node's. */
export function compileGlob(pattern: string): RegExp {
  let source = "";
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (pattern.startsWith("**/", at)) {
      source += "(?:[^/]+/)*";
      at += 2;
    } else if (character === "*") {
      source += isSegmentStart(pattern, at) ? "(?!\\.)[^/]*" : "[^/]*";
    } else if (character === "?") {
      source += "[^/]";
    } else if (character === "{") {
      source += "(?:";
      depth++;
    } else if (character === "}" && depth > 0) {
      source += ")";
      depth--;
    } else if (character === "," && depth > 0) {
      source += "|";
    } else if (character === "[" || character === "]") {
      source += character;
    } else {
      source += character.replace(/[\\^$.|+()]/, "\\$&");
    }
  }
  return new RegExp(`^${source}$`);
}

function isSegmentStart(pattern: string, at: number): boolean {
  return at === 0 || pattern[at - 1] === "/";
}
