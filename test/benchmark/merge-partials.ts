/** How many partial windows one aggregator merges durably: from the append of envelopes to the commit of what they changed. */
import { aggregatorConfig } from "../../aggregator/config.ts";
import { openEmbedded } from "../../aggregator/embedded.ts";
import { Processor } from "../../aggregator/process/processor.ts";
import { WINDOW_DEFAULTS } from "../../aggregator/process/stage-two.ts";
import { NO_RULE_SET } from "../../aggregator/rules/rule-set.ts";
import { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { textLogger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import {
  type Batch,
  type Delta,
  DIGEST_NONE,
  ENVELOPE_VERSION,
  STREAM_DEFAULT,
} from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import { seededRandom } from "./log-lines.ts";

/** Each has one batch under way, as agents have. */
const AGENT_COUNT = 20;
const EPOCH = "0123456789abcdef0123456789abcdef";
const SERVICE_COUNT = 100;
const MINUTE_COUNT = 10;
/** Partial windows in a batch, each of its own window. */
const DELTA_COUNT = SERVICE_COUNT * MINUTE_COUNT;
const BIN_COUNT = 20;
/** Of each agent. */
const BATCH_COUNT = 60;
const FIRST_MINUTE = 29_919_480;
const SOURCE = {
  source: "app",
  state: "live",
  eventTimeMaxMs: (FIRST_MINUTE + MINUTE_COUNT) * 60_000 - 1,
} as const;

/**
 * Makes 15 batches of 1,000 partials for each of 20 agents. The function that it returns merges them into the same 1,000 windows of an
 * aggregator in `directory` and resolves with the count of partials.
 */
export function preparePartials(directory: string): () => Promise<number> {
  const random = seededRandom(1);
  const prepared = Array.from({ length: AGENT_COUNT }, (_, number) => {
    const agent = `bench-${number}`;
    return { agent, envelopes: [...envelopes(agent, random)] };
  });
  return () => mergePartials(directory, prepared);
}

/** What one agent sends. */
interface PreparedAgent {
  readonly agent: string;
  readonly envelopes: readonly Buffer[];
}

async function mergePartials(
  directory: string,
  prepared: readonly PreparedAgent[],
): Promise<number> {
  // All windows stay open: what comes for a final one goes to three roll-ups, too.
  const time = { out_of_orderness: `${MINUTE_COUNT}m` };
  const config = aggregatorConfig.parse({ data_dir: directory, time });
  const fail = (error: unknown): never => {
    throw error;
  };
  const { clock } = realPlatform;
  const logger = textLogger(
    (text) => process.stderr.write(text),
    () => clock.now(),
    "warn",
  );
  const parts = { logger, onFailed: fail };
  const embedded = await openEmbedded(realPlatform, config, parts);
  const processor = new Processor({
    ...{ log: embedded.log, clock: realPlatform.clock, timers: realPlatform.timers },
    ...{ logger, onFatal: fail },
    settings: { watermark: config.time, windows: WINDOW_DEFAULTS, rules: () => NO_RULE_SET },
  });
  await Promise.all(prepared.map((agent) => sendAll(processor, agent)));
  await processor.close();
  await embedded.close();
  return AGENT_COUNT * BATCH_COUNT * DELTA_COUNT;
}

async function sendAll(processor: Processor, prepared: PreparedAgent): Promise<void> {
  const forever = new AbortController().signal;
  const { agent } = prepared;
  const fence = {
    kind: "fence",
    tenant: "",
    agent,
    number: 1,
    epoch: EPOCH,
    machine: agent,
  } as const;
  await (await processor.append(fence)).result(forever);
  for (const envelope of prepared.envelopes) {
    const appended = await processor.append({ kind: "envelope", tenant: "", agent, envelope });
    checkApplied(await appended.result(forever));
  }
}

function checkApplied(result: unknown): void {
  const text = JSON.stringify(result);
  if (!text.includes('"applied"')) throw new Error(`a batch was not applied: ${text}`);
}

function* envelopes(agent: string, random: () => number): Generator<Buffer> {
  let previousDigest = DIGEST_NONE;
  for (let sequence = 1; sequence <= BATCH_COUNT; sequence++) {
    const batch: Batch = {
      ...{ agent, epoch: EPOCH, sequence, previousDigest, sealedAtMs: Date.now() },
      ...{
        deltas: deltas(random),
        checkpoints: [],
        sources: [SOURCE],
        ledger: [],
        tombstone: undefined,
      },
      ...{ events: [], holes: [], selectorRevision: "" },
    };
    const record = sealRecord(batch);
    previousDigest = record.digest;
    yield encodeEnvelope({
      ...{
        version: ENVELOPE_VERSION,
        agent,
        epoch: EPOCH,
        logId: "",
        machine: agent,
        selectorRevision: "",
      },
      records: [record],
    });
  }
}

function deltas(random: () => number): Delta[] {
  return Array.from({ length: DELTA_COUNT }, (_, number) => {
    const aggregate = new Aggregate();
    for (let bin = 0; bin < BIN_COUNT; bin++) {
      const us = Math.floor(1000 * 1.0202 ** (bin * 3 + 2 * random()));
      const level = random() < 0.95 ? 2 : 4;
      for (let event = 1 + random() * 5; event > 0; event--) aggregate.add(level, us);
    }
    return {
      stream: STREAM_DEFAULT,
      service: `service-${number % SERVICE_COUNT}`,
      minute: FIRST_MINUTE + Math.floor(number / SERVICE_COUNT),
      aggregate,
    };
  });
}
