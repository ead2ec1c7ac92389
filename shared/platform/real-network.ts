import type { Agent } from "undici";
import { TailraceError } from "../errors.ts";
import { flatHeaders } from "./flat-headers.ts";
import type { HttpCall, HttpResponse, Network } from "./network.ts";

/** The network of this machine: undici for calls, `node:http` for listening; each loads when first used, since a scan needs neither. */
export const realNetwork: Network = {
  call: callHttp,
  listen: async (options, handle) => {
    const { listenHttp } = await import("./http-server.ts");
    return listenHttp(options, handle);
  },
};

/** No answer of ours comes near; one that does is not from an aggregator. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

interface HttpClient {
  readonly undici: typeof import("undici");
  readonly agent: Agent;
}

let client: Promise<HttpClient> | undefined;

/** undici costs memory and start time: it is loaded at the first call. */
function httpClient(): Promise<HttpClient> {
  client ??= import("undici").then((undici) => ({
    undici,
    // The whole call has one limit, so the parts need none.
    agent: new undici.Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: ANSWER_BYTES_MAX,
    }),
  }));
  return client;
}

async function callHttp(call: HttpCall): Promise<HttpResponse> {
  const { undici, agent } = await httpClient();
  const { socketPath } = call;
  const local =
    socketPath === undefined ? undefined : new undici.Client("http://localhost", { socketPath });
  const abort = new AbortController();
  const stop = () => abort.abort(call.signal?.reason);
  const timer = setTimeout(
    () => abort.abort(new Error(`no whole answer within ${call.timeoutMs} ms`)),
    call.timeoutMs,
  );
  if (call.signal?.aborted) stop();
  call.signal?.addEventListener("abort", stop, { once: true });
  try {
    const answer = await undici.request(call.url, {
      dispatcher: local ?? agent,
      method: call.method,
      headers: call.headers ?? {},
      body: call.body ?? null,
      signal: abort.signal,
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: flatHeaders(answer.headers), body };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TailraceError("NETWORK_FAILED", `${call.method} ${call.url} failed: ${reason}`, {
      cause,
      facts: { url: call.url },
    });
  } finally {
    clearTimeout(timer);
    await local?.destroy();
    call.signal?.removeEventListener("abort", stop);
  }
}
