/** `tailrace spool`: looks into the disk queue of an agent, which may run meanwhile; nothing is changed. */
import { join } from "node:path";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  UsageError,
} from "../../shared/command.ts";
import { systemCode } from "../../shared/errors.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import type { Batch } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { decodeEnvelope } from "../../shared/protocol/envelope.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { textTable } from "../../shared/text-table.ts";
import { type InspectedRecord, inspectSpool, type SpoolSurvey } from "../spool/inspect-spool.ts";
import { BODY_BYTES_MAX } from "../spool/record.ts";
import { batchJson } from "./batch-json.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";

const VERBS = { ls: list, verify, export: exportBatches, dead: listDead } as const;

interface Looking {
  readonly io: CommandIo;
  readonly directory: string;
  readonly isNdjson: boolean;
}

/** The command. */
export const command = defineCommand({
  summary: "Looks into the disk queue of an agent, running or stopped, without changing it.",
  examples: [
    ["tailrace spool ls --config agent.yaml", "the batches that wait to be applied"],
    ["tailrace spool verify --data-dir /var/lib/tailrace", "exit 1 and the place of any damage"],
    ["tailrace spool export --data-dir /var/lib/tailrace", "every batch, decoded, as JSON lines"],
    ["tailrace spool dead --config agent.yaml", "batches that an aggregator could not read"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command.argument("<verb>", Object.keys(VERBS).join(", "))).option(
      "--output <form>",
      "table or ndjson",
      "table",
    );
  },
  run: async ([verb = ""], options, io) => {
    const run = Object.entries(VERBS).find(([name]) => name === verb)?.[1];
    if (run === undefined) {
      throw new UsageError(`${verb} is not one of ${Object.keys(VERBS).join(", ")}`);
    }
    const { output } = options;
    if (output !== "table" && output !== "ndjson") {
      throw new UsageError("--output takes table or ndjson");
    }
    const directory = await dataDirectory(options, io);
    return run({ io, directory, isNdjson: output === "ndjson" });
  },
});

function inspect(
  { io, directory }: Looking,
  record?: (found: InspectedRecord) => Promise<void>,
): Promise<SpoolSurvey> {
  const place = { disk: io.platform.disk, directory: join(directory, "spool") };
  return inspectSpool(place, record === undefined ? {} : { record });
}

/** Tells of damage on stderr and resolves with the exit code. */
function judge({ io }: Looking, { damages, tornBytes }: SpoolSurvey): number {
  if (tornBytes > 0) {
    io.stderr(
      `${tornBytes} bytes at the end are an unfinished record: a write under way, or one cut by a crash; no synced batch is harmed\n`,
    );
  }
  for (const { path, offset, detail } of damages) io.stderr(`${path}:${offset}: ${detail}\n`);
  if (damages.length === 0) return EXIT_DONE;
  io.stderr(
    `damaged in ${damages.length === 1 ? "1 place" : `${damages.length} places`}; the agent asks the aggregator what it holds and reads again from the files what is gone\n`,
  );
  return EXIT_FAILED;
}

const RECORD_COLUMNS = [
  ["segment", "right"],
  ["sequence", "right"],
  ["kind", "left"],
  ["sealed", "left"],
  ["bytes", "right"],
  ["raw", "right"],
  ["windows", "right"],
  ["requests", "right"],
  ["files", "right"],
  ["sources", "left"],
] as const;

async function list(looking: Looking): Promise<number> {
  const rows: ReturnType<typeof recordFacts>[] = [];
  const survey = await inspect(looking, async (found) => {
    rows.push(recordFacts(found));
  });
  const { io } = looking;
  if (looking.isNdjson) {
    for (const row of rows) await io.stdout(`${JSON.stringify(row)}\n`);
    return judge(looking, survey);
  }
  const cells = rows.map((row) => [
    String(row.segment),
    String(row.sequence),
    row.kind,
    row.sealedAt,
    String(row.bytes),
    String(row.rawBytes),
    String(row.windows),
    String(row.requests),
    String(row.files),
    row.sources.join(","),
  ]);
  await io.stdout(textTable(RECORD_COLUMNS, cells));
  const bytes = survey.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  io.stderr(`${rows.length} records in ${survey.segments.length} segments, ${bytes} bytes\n`);
  return judge(looking, survey);
}

function recordFacts({ segment, visited, batch }: InspectedRecord) {
  const { found, epoch, offset } = visited;
  return {
    segment,
    offset,
    epoch,
    sequence: batch.sequence,
    kind: found.kind,
    sealedAt: new Date(batch.sealedAtMs).toISOString(),
    bytes: found.bytes,
    rawBytes: found.record.rawBytes,
    windows: batch.deltas.length,
    requests: batch.deltas.reduce((sum, delta) => sum + delta.aggregate.requestCount, 0),
    files: batch.checkpoints.length,
    sources: batch.sources.map(({ source, state }) => `${source}:${state}`),
  };
}

async function verify(looking: Looking): Promise<number> {
  const survey = await inspect(looking);
  const records = survey.segments.reduce((sum, segment) => sum + segment.recordCount, 0);
  const tombstones = survey.segments.reduce((sum, { tombstones: { length } }) => sum + length, 0);
  const { length: segments } = survey.segments;
  const exitCode = judge(looking, survey);
  const facts = { segments, records, tombstones, damages: survey.damages };
  if (looking.isNdjson) await looking.io.stdout(`${JSON.stringify(facts)}\n`);
  else if (exitCode === EXIT_DONE) {
    await looking.io.stdout(
      `${records} records and ${tombstones} tombstones in ${segments} segments are what was written\n`,
    );
  }
  return exitCode;
}

async function exportBatches(looking: Looking): Promise<number> {
  const survey = await inspect(looking, ({ batch }) =>
    looking.io.stdout(`${JSON.stringify(batchJson(batch))}\n`),
  );
  return judge(looking, survey);
}

const DEAD_COLUMNS = [
  ["file", "left"],
  ["sequence", "right"],
  ["bytes", "right"],
  ["sealed", "left"],
  ["requests", "right"],
  ["what is wrong", "left"],
] as const;

async function listDead(looking: Looking): Promise<number> {
  const { io, isNdjson } = looking;
  const { disk } = io.platform;
  const directory = join(looking.directory, "dead");
  const rows: string[][] = [];
  for (const name of (await namesIn(looking, directory)).filter((n) => n.endsWith(".envelope"))) {
    const bytes = await readWholeFile(disk, join(directory, name));
    const letter = openLetter(bytes);
    const { batch, reason, sequence } = letter;
    if (isNdjson) {
      const content = batch === undefined ? {} : { batch: batchJson(batch) };
      await io.stdout(`${JSON.stringify({ file: name, sequence, reason, ...content })}\n`);
    }
    rows.push([
      name,
      String(sequence ?? "-"),
      String(bytes.length),
      batch === undefined ? "-" : new Date(batch.sealedAtMs).toISOString(),
      batch === undefined ? "-" : requestsOf(batch),
      reason ?? "this version reads it; the aggregator did not",
    ]);
  }
  if (!isNdjson) await io.stdout(textTable(DEAD_COLUMNS, rows));
  return EXIT_DONE;
}

async function namesIn({ io }: Looking, directory: string): Promise<string[]> {
  try {
    return await io.platform.disk.list(directory);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

function requestsOf(batch: Batch): string {
  return String(batch.deltas.reduce((sum, delta) => sum + delta.aggregate.requestCount, 0));
}

function openLetter(bytes: Buffer): {
  readonly sequence?: number;
  readonly batch?: Batch;
  readonly reason?: string;
} {
  let sequence: number | undefined;
  try {
    const record = decodeEnvelope(bytes).records[0];
    if (record === undefined) return { reason: "it holds no batch" };
    sequence = record.sequence;
    return { sequence, batch: decodeBatch(openRecord(record, BODY_BYTES_MAX)) };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { ...(sequence === undefined ? {} : { sequence }), reason: error.message };
  }
}
