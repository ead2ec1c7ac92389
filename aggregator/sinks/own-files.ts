import { resolve } from "node:path";
import { z } from "zod";
import type { ConfiguredSink } from "./sink.ts";

/**
 * A check that no two sinks write one file, however its path is spelled, nor one sink two kinds of results: each would cut off what the other
 * wrote. Links are not looked at: what they lead to may change.
 */
export const ownFiles: z.core.$ZodCheck<ConfiguredSink[]> = z.check(({ value, issues }) => {
  const writers = new Map<string, string>();
  for (const [index, sink] of value.entries()) {
    // One with faults of its own is still as it was written.
    if (!isConfigured(sink)) continue;
    const { name, files } = sink;
    for (const { key, path } of files) {
      const file = resolve(path);
      const writer = writers.get(file);
      if (writer !== undefined) {
        const message = `expected a file of its own: ${writer} writes ${path}, too, and each would cut off what the other wrote`;
        issues.push({ code: "custom", message, path: [index, key], input: value });
      }
      writers.set(file, `\`${key}\` of the sink ${name}`);
    }
  }
});

function isConfigured(sink: unknown): sink is ConfiguredSink {
  return (
    typeof sink === "object" && sink !== null && "open" in sink && typeof sink.open === "function"
  );
}
