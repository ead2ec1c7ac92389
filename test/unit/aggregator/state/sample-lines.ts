import type { KeyedLine } from "../../../../aggregator/state/line-row.ts";
import type { SelectedLine } from "../../../../shared/protocol/selected-line.ts";
import { TEN_MS } from "../collect/sample-agent.ts";

/** A raw line of web-1, `seconds` after ten o'clock. */
export function sampleLine(seconds: number, changes: Partial<SelectedLine> = {}): KeyedLine {
  const place = { source: "app", file: 1, generation: 0, offset: (seconds + 100) * 10 };
  return {
    tenant: "",
    agent: "web-1",
    line: {
      ...{ stream: "application-logs", ...place, timeMs: TEN_MS + seconds * 1000 },
      ...{ service: "orders", level: "ERROR", line: `line ${seconds}`, weight: 1, ...changes },
    },
  };
}
