import { expect, test } from "vitest";
import { parsers } from "../../agent/parsers/registry.ts";
import { DetailCounter } from "../../agent/window/detail-counter.ts";
import type { Counted } from "../../agent/window/line-counter.ts";
import { ParserLineCounter } from "../../agent/window/parser-line-counter.ts";
import { deltaKey } from "../../shared/aggregates/detailed-windows.ts";
import { aggregateConfig } from "../../shared/events/aggregate-config.ts";
import { compileAggregation } from "../../shared/events/compile-aggregation.ts";
import type { Delta } from "../../shared/protocol/batch.ts";
import { REDACTOR_NONE } from "../../shared/redaction/redactor.ts";
import { countedText } from "./json-reference.ts";
import { nastyCase } from "./kernel-difference.ts";

/** The same, of whole services, without what only details note. */
function whole({ deltas, entries, eventTimeMaxMs }: Counted): Counted {
  const byKey = new Map<string, Delta>();
  for (const { dimensions: _dimensions, ...delta } of deltas) {
    const known = byKey.get(deltaKey(delta));
    if (known === undefined) byKey.set(deltaKey(delta), delta);
    else known.aggregate.merge(delta.aggregate);
  }
  for (const { aggregate } of byKey.values()) aggregate.folded = false;
  const kept = entries.filter(({ reason }) => reason !== "dimensions_folded");
  return { deltas: [...byKey.values()], entries: kept, eventTimeMaxMs };
}

test("windows with dimensions add up to those without, of nasty lines, under any limit", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const { options, blocks } = nastyCase(seed);
    const config = { dimensions: ["trace_id", "level", "a"], max_series: 1 + seed * 3 };
    const parser = () => parsers.json.compile(options);
    const limits = { stream: "test", servicesMax: 1_000_000 };
    const detail = new DetailCounter({
      ...{ agent: "a", source: "s", host: "h", format: "json", ...limits, parser: parser() },
      aggregation: compileAggregation(aggregateConfig.parse(config), REDACTOR_NONE),
    });
    const detailed = new ParserLineCounter({ ...limits, parser: parser(), detail });
    const plain = new ParserLineCounter({ ...limits, parser: parser() });
    for (const { lines, context, isUnterminated, isTaken } of blocks) {
      const end = isUnterminated ? "" : "\n";
      const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from(end)]));
      for (const counter of [detailed, plain]) {
        if (isUnterminated) for (const line of lines) counter.countUnterminated(line, context);
        else counter.count(bytes, 0, bytes.length, context);
      }
      if (!isTaken) continue;
      expect(countedText(whole(detailed.take())), `seed ${seed}`).toBe(countedText(plain.take()));
    }
    expect(countedText(whole(detailed.take())), `seed ${seed}`).toBe(countedText(plain.take()));
  }
});
