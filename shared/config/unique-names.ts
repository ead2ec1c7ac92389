import { z } from "zod";

/**
 * A check for a list of things with a `name`: no two have the same. It looks at the list whatever else is wrong with it, so that all faults
 * are told at once.
 */
export function uniqueNames<T>(what: string): z.core.$ZodCheck<T> {
  const check = z.check<T>((context) => {
    if (!Array.isArray(context.value)) return;
    const seen = new Set<string>();
    for (const [index, entry] of context.value.entries()) {
      const name = nameOf(entry);
      if (name === undefined) continue;
      if (seen.has(name)) {
        context.issues.push({
          code: "custom",
          path: [index, "name"],
          message: `expected a name that no other ${what} has`,
          input: context.value,
        });
      }
      seen.add(name);
    }
  });
  check._zod.def.when = () => true;
  return check;
}

function nameOf(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null || !("name" in entry)) return undefined;
  return typeof entry.name === "string" ? entry.name : undefined;
}
