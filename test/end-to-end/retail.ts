/** Real transactions of an online shop, and what others found in them: `test/golden/README.md` says whose they are. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

const GOLDEN = join(import.meta.dirname, "../golden/events");
const WAIT_MS_MAX = 60_000;

/** The file of them, packed. */
export const RETAIL_FILE: string = join(GOLDEN, "retail-transactions.ndjson.gz");

/** One transaction. */
export interface Transaction {
  readonly user: string;
  readonly timeMs: number;
  /** As it stands in the file. */
  readonly line: string;
}

/** All transactions from a day on, by time. */
export function transactions(from = "2010-12-01"): Transaction[] {
  const lines = gunzipSync(readFileSync(RETAIL_FILE)).toString().trimEnd().split("\n");
  return lines
    .map((line) => {
      const { userId, timestamp }: { userId: string; timestamp: string } = JSON.parse(line);
      return { user: userId, timeMs: Date.parse(timestamp), line };
    })
    .filter(({ timeMs }) => timeMs >= Date.parse(from));
}

/** A payment above `first`, and as the user's very next event one above `second`, within five minutes. */
export interface Threshold {
  readonly first: number;
  readonly second: number;
}

/** Those of which the truth is known. */
export const THRESHOLDS: readonly Threshold[] = [
  { first: 10_000, second: 5_000 },
  { first: 1_000, second: 500 },
  { first: 300, second: 150 },
];

/** The rule file that finds them; its alerts say `FIRST user order order`. */
export function retailRule({ first, second }: Threshold): string {
  return `name: retail-fraud-${first}
summary: A payment above ${first}, and as the user's very next event one above ${second}, within five minutes.
stream: business-events
key: userId
within: 5m
stages:
  - { name: first, where: "amount > ${first}" }
  - { name: second, contiguity: next, where: "amount > ${second}" }
alert:
  type: FRAUD_SUSPICION
  severity: critical
  message: "${first} {{key}} {{first(first.orderId)}} {{first(second.orderId)}}"
`;
}

/** Two payments of which others say that they are one behind the other. */
export interface Suspicion {
  readonly user: string;
  readonly firstMs: number;
  readonly secondMs: number;
  /** As the rule's alert says it. */
  readonly message: string;
}

/** What others found from a day on, ascending by message. Exactly five minutes are not within them: `gap_s` of the truth is 300 there. */
export function truthOf({ first, second }: Threshold, from = "2010-12-01"): Suspicion[] {
  const file = join(GOLDEN, `retail-fraud-${first}-${second}.csv`);
  const [, ...rows] = readFileSync(file, "utf8").trim().split("\n");
  return rows
    .map((row) => row.split(","))
    .filter(([, , at = "", , , , , gap]) => Number(gap) < 300 && Date.parse(at) >= Date.parse(from))
    .map(([user = "", firstOrder, firstAt = "", , secondOrder, secondAt = ""]) => ({
      ...{ user, firstMs: Date.parse(firstAt), secondMs: Date.parse(secondAt) },
      message: `${first} ${user} ${firstOrder} ${secondOrder}`,
    }))
    .toSorted((a, b) => (a.message < b.message ? -1 : 1));
}

/** The messages of all that others found, in order. */
export function messagesOfTruth(from?: string): string[] {
  return THRESHOLDS.flatMap((threshold) => truthOf(threshold, from))
    .map(({ message }) => message)
    .toSorted();
}

/** The messages of alerts, in order. */
export function messagesOf(alerts: readonly { readonly message: string }[]): string[] {
  return alerts.map(({ message }) => message).toSorted();
}

/** The configuration of an agent that reads `FOLDER/shop.log`. */
export function shopAgent(folder: string, address: string): string {
  return `id: web-1
data_dir: ${join(folder, "agent")}
sources:
  - name: shop
    type: file
    paths: ["${join(folder, "shop.log")}"]
    format: json
    stream: business-events
    start_at: beginning
flush_interval: 200ms
poll_interval: 200ms
ship: { endpoints: ["${address}"] }
`;
}

/** Revisions of the selectors by which the agents of an aggregator select. */
export async function selectorRevisions(address: string): Promise<string[]> {
  const answer = await fetch(`${address}/v1/agents`);
  const { agents }: { agents: { selectorRevision: string }[] } = JSON.parse(await answer.text());
  return agents.map(({ selectorRevision }) => selectorRevision);
}

/** Repeats `look` until it gives `expected`, and resolves with what it gave last. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  expected: T,
): Promise<T | undefined> {
  let last: T | undefined;
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += 200) {
    try {
      last = await look();
      if (JSON.stringify(last) === JSON.stringify(expected)) break;
    } catch {
      // It has yet to start, or the file is not there yet.
    }
    await sleep(200);
  }
  return last;
}
