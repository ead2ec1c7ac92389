/**
 * The door through which people look into a running agent: HTTP over a unix domain socket in its data directory, which only the agent's own
 * user can open. Nothing behind it changes anything.
 */
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { HttpRequest, HttpResponse, Listener } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import { answerTelemetry, type TelemetryHost } from "../telemetry/answer-telemetry.ts";
import type { StatusAnswer } from "./status.ts";
import { type TapHost, takeSample, tapRequestSchema } from "./tap.ts";

/** What can be asked at the door. */
export interface AdminHost extends TapHost, TelemetryHost {
  status(): StatusAnswer;
}

/** Where the door of an agent with this data directory is. */
export function adminSocketPath(dataDirectory: string): string {
  return join(dataDirectory, "admin.sock");
}

const BODY_BYTES_MAX = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTION_COUNT_MAX = 16;

/**
 * Opens the door; whoever calls holds the lock of the data directory, so a socket that lies there is one that a killed process left.
 * Fails with LISTEN_FAILED, for instance when the path is too long for a socket (about 100 bytes).
 */
export async function openAdminDoor(
  platform: Pick<Platform, "disk" | "network">,
  dataDirectory: string,
  parts: { readonly host: AdminHost; readonly logger: Logger },
): Promise<Listener> {
  const socketPath = adminSocketPath(dataDirectory);
  try {
    await platform.disk.remove(socketPath);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  const options = {
    ...{ host: "localhost", port: 0, socketPath },
    bodyBytesMax: BODY_BYTES_MAX,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    connectionCountMax: CONNECTION_COUNT_MAX,
  };
  return platform.network.listen(options, async (request) => {
    try {
      return await answer(parts.host, request);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      parts.logger.warn("a question at the admin socket failed", { path: request.path, detail });
      throw error;
    }
  });
}

async function answer(host: AdminHost, request: HttpRequest): Promise<HttpResponse> {
  const { method, path } = request;
  if (path === "/v1/status") {
    if (method !== "GET") return refused("method_not_allowed", 405, "ask with GET");
    return jsonAnswer(200, host.status());
  }
  if (path === "/v1/tap") {
    if (method !== "POST") return refused("method_not_allowed", 405, "ask with POST");
    const asked = tapRequestSchema.safeParse(parseJson(request.body));
    if (!asked.success) return refused("invalid_query", 400, z.prettifyError(asked.error));
    return jsonAnswer(200, await takeSample(host, asked.data));
  }
  const known = "known are GET /v1/status, /metrics, /healthz and /readyz, and POST /v1/tap";
  return answerTelemetry(host, request) ?? refused("not_found", 404, known);
}

function refused(
  code: "method_not_allowed" | "invalid_query" | "not_found",
  status: number,
  detail: string,
): HttpResponse {
  return problemAnswer({ status, code, detail });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
