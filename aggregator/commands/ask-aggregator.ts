import { z } from "zod";
import { type CommandIo, UsageError } from "../../shared/command.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import { TlsFiles } from "../../shared/platform/tls-files.ts";
import { isUntrustedCertificate } from "../../shared/platform/untrusted-certificate.ts";

/** Where an aggregator listens unless it is told otherwise. */
export const ENDPOINT_DEFAULT = "http://127.0.0.1:7400";

/** Done, or taken and soon done. */
const SUCCESSES: readonly number[] = [200, 202];

const UNAUTHORIZED = 401;
const BAD_REQUEST = 400;

/** What is wrong with parameters of a query, which have the names of options. */
const faultsSchema = z.looseObject({
  faults: z.array(z.looseObject({ parameter: z.string(), detail: z.string() })),
});

/** Writing many dead letters again takes its time. */
const ANSWER_MS_MAX = 600_000;

/**
 * Asks a running aggregator and resolves with the JSON of its answer; `body` makes it a POST. The environment may hold a token
 * (`TAILRACE_TOKEN`) and the file of an authority to trust (`TAILRACE_CA`). Fails with TLS_INVALID, with NETWORK_FAILED when nothing answers,
 * with UsageError when `endpoint` is no address or when it refuses a parameter, and else with REQUEST_REFUSED and the aggregator's own words.
 */
export async function askAggregator(
  io: CommandIo,
  endpoint: string,
  path: string,
  body?: object,
): Promise<unknown> {
  return ask(io, endpoint, { path, body, method: body === undefined ? "GET" : "POST" });
}

/** The same for what is to be deleted. */
export async function deleteAtAggregator(
  io: CommandIo,
  endpoint: string,
  path: string,
): Promise<unknown> {
  return ask(io, endpoint, { path, body: undefined, method: "DELETE" });
}

/** Says to the user when what was asked for is taken, but nobody knows yet what came of it; true when it did. */
export function isOnlyTaken(io: CommandIo, answer: unknown): boolean {
  const isTaken = takenSchema.safeParse(answer).success;
  if (isTaken) io.stderr("it is taken, and takes effect in a moment\n");
  return isTaken;
}

const takenSchema = z.strictObject({ state: z.literal("accepted") });

async function ask(
  io: CommandIo,
  endpoint: string,
  asked: { readonly path: string; readonly body: object | undefined; readonly method: string },
): Promise<unknown> {
  const { path, body, method } = asked;
  if (!/^https?:\/\//.test(endpoint)) {
    throw new UsageError(`--endpoint: takes an address such as http://HOST:PORT, not ${endpoint}`);
  }
  const token = io.environment["TAILRACE_TOKEN"];
  const authorities = io.environment["TAILRACE_CA"];
  const shown = {
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(authorities === undefined
      ? {}
      : { tls: (await TlsFiles.open(io.platform.disk, { authorities })).material }),
  };
  const url = `${endpoint.replace(/\/+$/, "")}${path}`;
  const content = body && { body: Buffer.from(JSON.stringify(body)) };
  let answer: HttpResponse;
  try {
    answer = await io.platform.network.call({
      url,
      method,
      ...shown,
      timeoutMs: ANSWER_MS_MAX,
      signal: io.signal,
      ...content,
    });
  } catch (cause) {
    const advice = isUntrustedCertificate(cause)
      ? `the aggregator at ${endpoint} is not trusted; name the file of its authority in TAILRACE_CA`
      : `no aggregator answers at ${endpoint}; is it running, and is --endpoint right?`;
    throw new TailraceError("NETWORK_FAILED", advice, { cause, facts: { endpoint } });
  }
  const said = parse(answer.body);
  if (SUCCESSES.includes(answer.status) && said !== undefined) return said;
  const faults = answer.status === BAD_REQUEST ? faultsSchema.safeParse(said).data?.faults : [];
  if (faults !== undefined && faults.length > 0) {
    const flags = faults.map(({ parameter, detail: why }) => `--${parameter}: ${why}`);
    throw new UsageError(flags.join("\n"));
  }
  const detail: unknown = typeof said === "object" && said !== null && Reflect.get(said, "detail");
  const reason = typeof detail === "string" ? detail : `it answered ${answer.status}`;
  const advice =
    answer.status === UNAUTHORIZED
      ? " Commands take a token from TAILRACE_TOKEN; `tailrace token create` makes one."
      : "";
  const text = `${endpoint}: ${reason}${advice}`;
  throw new TailraceError("REQUEST_REFUSED", text, { facts: { endpoint } });
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // Something else than an aggregator answers there; the status says the rest.
    return undefined;
  }
}
