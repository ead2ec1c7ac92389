import { durationText } from "../../shared/config/quantity.ts";
import type { ThresholdRule } from "./threshold-rule.ts";

/** What a rule does, for people. */
export function explainThreshold({ config, life }: ThresholdRule): string {
  const { name, summary, stream, where, min_count, evaluate, resolve, by } = config;
  const { missingMs, forMs, resolveForMs, cooldownMs, staleAfterMs } = life;
  const width = config.window === "1m" ? "" : ` of ${config.window}`;
  const over = `${evaluate} windows${width} of ${stream}${where === undefined ? "" : ` with ${where}`}`;
  const each = by.length === 0 ? "each service" : `each ${by.join(" and ")} of a service`;
  const lines = [`${name}: ${summary}`, `looks at ${over}, ${each} for itself`];
  if (missingMs !== undefined) {
    lines.push(`fires after ${durationText(missingMs)} without a window, resolves with the next`);
  } else {
    const held = forMs === 0 ? "" : ` for ${durationText(forMs)}`;
    const few =
      min_count === 1 ? "" : `; windows with fewer than ${min_count} requests say nothing`;
    lines.push(`fires when ${config.condition}${held}${few}`);
    const end = resolve.condition ?? "that does not hold";
    lines.push(
      `resolves when ${end}${resolveForMs === 0 ? "" : ` for ${durationText(resolveForMs)}`}`,
    );
  }
  lines.push(`is over after ${durationText(staleAfterMs)} of silence`);
  if (cooldownMs > 0) lines.push(`then fires nothing for ${durationText(cooldownMs)}`);
  return lines.join("\n");
}
