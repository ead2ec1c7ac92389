import type { SourceKind } from "./source.ts";

/** Every kind of source, in alphabetical order; the key is the `type` in configuration files. Drivers load only when a source starts. */
export const sources = {
  kafka: () => import("./kafka.ts"),
} as const satisfies Record<string, () => Promise<{ readonly source: SourceKind }>>;
