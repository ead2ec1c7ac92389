/** How many partial windows one aggregator merges durably: from the append of envelopes to the commit of what they changed. */
import { aggregatorConfig } from "../../aggregator/config.ts";
import { openEmbedded } from "../../aggregator/embedded.ts";
import type { AppendedEntry } from "../../aggregator/process/processor.ts";
import { Processor } from "../../aggregator/process/processor.ts";
import { WINDOW_DEFAULTS } from "../../aggregator/process/stage-two.ts";
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

const AGENT = { tenant: "", agent: "bench" };
const EPOCH = "0123456789abcdef0123456789abcdef";
const SERVICE_COUNT = 100;
const MINUTE_COUNT = 10;
/** Partial windows in a batch, each of its own window. */
const DELTA_COUNT = SERVICE_COUNT * MINUTE_COUNT;
const BIN_COUNT = 20;
const BATCH_COUNT = 300;
/** Envelopes that wait for their commit at a time, as from so many agents. */
const IN_FLIGHT_MAX = 4;
const FIRST_MINUTE = 29_919_480;

/**
 * Makes 300 batches of 1,000 partials. The function that it returns merges them into the same 1,000 windows of an aggregator in
 * `directory` and resolves with the count of partials.
 */
export function preparePartials(directory: string): () => Promise<number> {
  const prepared = [...envelopes()];
  return () => mergePartials(directory, prepared);
}

async function mergePartials(directory: string, prepared: readonly Buffer[]): Promise<number> {
  const config = aggregatorConfig.parse({ data_dir: directory });
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
    settings: { watermark: config.time, windows: WINDOW_DEFAULTS },
  });
  const forever = new AbortController().signal;
  const fence = { kind: "fence", ...AGENT, number: 1, epoch: EPOCH, machine: "bench" } as const;
  await (await processor.append(fence)).result(forever);
  const waiting: Promise<unknown>[] = [];
  for (const envelope of prepared) {
    const appended: AppendedEntry = await processor.append({
      kind: "envelope",
      ...AGENT,
      envelope,
    });
    waiting.push(appended.result(forever).then(checkApplied));
    if (waiting.length >= IN_FLIGHT_MAX) await waiting.shift();
  }
  await Promise.all(waiting);
  await processor.close();
  await embedded.close();
  return BATCH_COUNT * DELTA_COUNT;
}

function checkApplied(result: unknown): void {
  const text = JSON.stringify(result);
  if (!text.includes('"applied"')) throw new Error(`a batch was not applied: ${text}`);
}

function* envelopes(): Generator<Buffer> {
  const random = seededRandom(1);
  let previousDigest = DIGEST_NONE;
  for (let sequence = 1; sequence <= BATCH_COUNT; sequence++) {
    const batch: Batch = {
      ...{ agent: AGENT.agent, epoch: EPOCH, sequence, previousDigest, sealedAtMs: Date.now() },
      ...{ deltas: deltas(random), checkpoints: [], sources: [], ledger: [], tombstone: undefined },
    };
    const record = sealRecord(batch);
    previousDigest = record.digest;
    yield encodeEnvelope({
      ...{
        version: ENVELOPE_VERSION,
        agent: AGENT.agent,
        epoch: EPOCH,
        logId: "",
        machine: "bench",
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
