import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";
import { loadRules } from "../../aggregator/rules/load-rules.ts";
import { selectorsOf } from "../../aggregator/rules/selectors.ts";
import { present } from "../../shared/assert.ts";
import { compilePredicate } from "../../shared/expression/compile.ts";
import { parseExpression } from "../../shared/expression/parse.ts";
import { random } from "./pattern-streams.ts";

const EVENTS = 20_000;
const TYPES = [
  "VIEW",
  "VIEW",
  "VIEW",
  "VIEW",
  "SEARCH",
  "CART",
  "TRANSACTION",
  "LOGIN",
  "LOGIN_FAILED",
];

/** A business event as shops log it: about 300 bytes, of which rules read few. */
function businessEvent(id: number, next: () => number): CepEvent {
  const type = TYPES[Math.floor(next() * TYPES.length)] ?? "VIEW";
  const user = Math.floor(next() * 1000);
  const hex = () => Math.floor(next() * 2 ** 48).toString(16);
  return {
    ...{ id, ts: 1_700_000_000_000 + id, key: null, type },
    fields: {
      ...{ userId: `user-${user}`, sessionId: hex(), traceId: hex() + hex(), device: "mobile" },
      ...{ country: "DE", page: `/products/${hex()}`, referrer: "https://example.org/search" },
      ...(type === "TRANSACTION" ? { amount: Math.floor(next() * 20_000), currency: "EUR" } : {}),
      userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    },
  };
}

/** What a set of rules asks of a stream of business events, in bytes of JSON, a line each. */
export function selectorSavings(): string {
  const built = ["fraud-suspicion", "brute-force-login"];
  const relaxed = `name: relaxed
summary: Large payments without a strict order.
stream: business-events
key: userId
within: 5m
stages:
  - { name: first, where: "amount > 10000" }
  - { name: second, contiguity: followedBy, where: "amount > 5000" }
alert: { type: SAMPLE, severity: info, message: "{{key}}" }
`;
  return [
    saving("fraud-suspicion and brute-force-login (strict)", built.map(readRule)),
    saving("two payments in a relaxed order", [relaxed]),
  ].join("");
}

function readRule(name: string): string {
  return readFileSync(join(import.meta.dirname, "../../config/rules", `${name}.yaml`), "utf8");
}

function saving(name: string, texts: readonly string[]): string {
  const { rules } = loadRules(texts.map((text, index) => ({ file: `${index}`, text })));
  const [selector] = selectorsOf(present(rules, "rules")).selectors;
  const { where, fields } = present(selector, "selector");
  const holds = where.map((text) =>
    compilePredicate(present(parseExpression(text).expression, text)),
  );
  const next = random(7);
  let [wholeBytes, sentBytes, sentCount] = [0, 0, 0];
  for (let id = 0; id < EVENTS; id++) {
    const event = businessEvent(id, next);
    wholeBytes += lineBytes(event.ts, event.type, event.fields);
    if (holds.length > 0 && !holds.some((hold) => hold(event, { eventsOf: () => [] }))) continue;
    const kept = Object.entries(event.fields).filter(([field]) => fields.includes(field));
    sentBytes += lineBytes(event.ts, event.type, Object.fromEntries(kept));
    sentCount++;
  }
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  return `selectors, ${name}: ${percent(sentCount, EVENTS)} of the events, ${percent(sentBytes, wholeBytes)} of the bytes of the whole stream\n`;
}

function lineBytes(
  ts: number,
  type: string | null,
  fields: Readonly<Record<string, unknown>>,
): number {
  return Buffer.byteLength(JSON.stringify({ ts, type, ...fields })) + 1;
}
