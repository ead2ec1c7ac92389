/** Questions to an agent that runs on this host, through the admin socket in its data directory. */
import { z } from "zod";
import type { CommandIo } from "../../shared/command.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import { adminSocketPath } from "../admin/admin-door.ts";
import { type StatusAnswer, statusSchema } from "../admin/status.ts";
import { type TapAnswer, type TapRequest, tapAnswerSchema } from "../admin/tap.ts";

const TIMEOUT_MS = 10_000;

/** How the agent stands. Fails with AGENT_UNREACHABLE. */
export async function askStatus(io: CommandIo, dataDirectory: string): Promise<StatusAnswer> {
  return statusSchema.parse(await ask(io, dataDirectory, { path: "/v1/status" }));
}

/** A sample of what the agent works on. Fails with AGENT_UNREACHABLE. */
export async function askTap(
  io: CommandIo,
  dataDirectory: string,
  request: TapRequest,
): Promise<TapAnswer> {
  return tapAnswerSchema.parse(await ask(io, dataDirectory, { path: "/v1/tap", request }));
}

const problemSchema = z.object({ detail: z.string() });

async function ask(
  { platform, signal }: CommandIo,
  dataDirectory: string,
  { path, request }: { readonly path: string; readonly request?: TapRequest },
): Promise<unknown> {
  const socketPath = adminSocketPath(dataDirectory);
  let answer: HttpResponse;
  try {
    answer = await platform.network.call({
      url: `http://localhost${path}`,
      socketPath,
      method: request === undefined ? "GET" : "POST",
      ...(request === undefined ? {} : { body: Buffer.from(JSON.stringify(request)) }),
      timeoutMs: TIMEOUT_MS,
      signal,
    });
  } catch (cause) {
    if (!(cause instanceof TailraceError)) throw cause;
    throw new TailraceError(
      "AGENT_UNREACHABLE",
      `no agent answers at ${socketPath}: is it running, and are you its user or root? \`tailrace spool\` and \`tailrace ledger\` also look into a stopped one`,
      { cause, facts: { path: socketPath } },
    );
  }
  const body: unknown = JSON.parse(answer.body.toString("utf8"));
  if (answer.status === 200) return body;
  const problem = problemSchema.safeParse(body);
  const detail = problem.success ? problem.data.detail : `it answers ${answer.status}`;
  throw new TailraceError("AGENT_UNREACHABLE", `the agent at ${socketPath} refuses: ${detail}`);
}
