import { resolve } from "node:path";
import { z } from "zod";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  parseOptions,
  UsageError,
} from "../../shared/command.ts";
import { systemCode, systemReason, TailraceError } from "../../shared/errors.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import { replaceFile } from "../../shared/platform/replace-file.ts";
import { TlsFiles } from "../../shared/platform/tls-files.ts";
import { isUntrustedCertificate } from "../../shared/platform/untrusted-certificate.ts";

/** `tailrace enroll`: a token for the agent on this host, for a code that works once. */
export const command = defineCommand({
  summary: "Gets a token for the agent on this host, for a code of `tailrace token code`.",
  examples: [
    [
      "tailrace enroll --endpoint https://logs:7400 --token-file /etc/tailrace/token < code",
      "the code comes from standard input, so that no list of processes shows it",
    ],
    [
      "tailrace enroll --endpoint https://logs:7400 --ca ca.crt --id web-1 --token-file token",
      "for an aggregator with an authority of its own, and an id that is not the host's name",
    ],
  ],
  configure: (command) => {
    command
      .requiredOption("--endpoint <url>", "the aggregator")
      .requiredOption("--token-file <file>", "where the token goes; then `ship.token: file:FILE`")
      .option("--id <id>", "the agent's id (default: this host's name)")
      .option("--ca <file>", "PEM file with the authorities of the aggregator's certificate");
  },
  run: async (_operands, given, io) => {
    const { tokenFile, id = io.hostname, ...options } = parseOptions(optionsSchema, given);
    const code = await readCode(io);
    if (code === "") throw new UsageError("the code comes from standard input, and nothing came");
    await reserve(io, tokenFile);
    const { status, body } = await ask(io, options, { code, agent: id });
    const answered = answerSchema.safeParse(parse(body));
    if (status !== 200 || !answered.success || answered.data.token === undefined) {
      const detail = answered.data?.detail ?? "what stands there is no aggregator";
      io.stderr(`${options.endpoint} gives no token (${status}): ${detail}\n`);
      return EXIT_FAILED;
    }
    await replaceFile(io.platform.disk, tokenFile, Buffer.from(`${answered.data.token}\n`), true);
    io.stderr(`agent ${id} is enrolled; next: ship: { token: "file:${resolve(tokenFile)}" }\n`);
    return EXIT_DONE;
  },
});

const optionsSchema = z.object({
  endpoint: z.url({ protocol: /^https?$/, error: "takes an address such as https://HOST:7400" }),
  tokenFile: z.string().min(1),
  id: z.string().min(1).max(255).optional(),
  ca: z.string().optional(),
});

const answerSchema = z.object({ token: z.string().optional(), detail: z.string().optional() });

const TIMEOUT_MS = 30_000;
const CODE_BYTES_MAX = 4_096;

/** A code works once: whether the token can be kept is found out before it is used. */
async function reserve({ platform }: CommandIo, path: string): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await platform.disk.open(draft, "private");
    await file.close();
    await platform.disk.remove(draft);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new UsageError(`the token cannot be kept in ${path}: ${systemReason(error)}`);
  }
}

async function readCode(io: CommandIo): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > CODE_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).toString("utf8").trim();
}

async function ask(
  io: CommandIo,
  { endpoint, ca }: { readonly endpoint: string; readonly ca?: string | undefined },
  question: { readonly code: string; readonly agent: string },
): Promise<HttpResponse> {
  const { disk, network } = io.platform;
  const tls =
    ca === undefined ? undefined : (await TlsFiles.open(disk, { authorities: ca })).material;
  try {
    return await network.call({
      url: `${endpoint.replace(/\/+$/, "")}/v1/enroll`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify(question)),
      timeoutMs: TIMEOUT_MS,
      signal: io.signal,
      ...(tls && { tls }),
    });
  } catch (cause) {
    if (!(cause instanceof TailraceError)) throw cause;
    const advice = isUntrustedCertificate(cause)
      ? `the aggregator at ${endpoint} is not trusted; name the file of its authority with --ca`
      : `no aggregator answers at ${endpoint}; is it running, and is --endpoint right?`;
    throw new TailraceError("NETWORK_FAILED", advice, { cause, facts: { endpoint } });
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // Something else than an aggregator answers there; the status says the rest.
    return undefined;
  }
}
