/** Compiles a glob pattern of absolute paths: `*`, `?`, `**`, `[…]` and `{a,b}`. For the simulated disk; the real one uses Node's. */
export function compileGlob(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(`^${sourceOf(pattern)}$`);
    compiled.set(pattern, expression);
  }
  return expression;
}

/** A simulation asks for the same few patterns again and again. */
const compiled = new Map<string, RegExp>();

function sourceOf(pattern: string): string {
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
  return source;
}

function isSegmentStart(pattern: string, at: number): boolean {
  return at === 0 || pattern[at - 1] === "/";
}
