import type { Agent } from "undici";
import { systemCode, TailraceError } from "../errors.ts";
import { flatHeaders } from "./flat-headers.ts";
import type { HttpCall, HttpResponse, Network, TlsMaterial } from "./network.ts";
import { isUntrustedCertificate } from "./untrusted-certificate.ts";

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
  /** No more of it: the packages leave the rest out. */
  readonly undici: Pick<typeof import("undici"), "Agent" | "Client">;
  readonly agent: Agent;
  /** Connections with certificates of their own end when nobody uses these any more. */
  readonly agents: WeakMap<TlsMaterial, Agent>;
}

let client: Promise<HttpClient> | undefined;

/** undici costs memory and start time: it is loaded at the first call. */
function httpClient(): Promise<HttpClient> {
  client ??= import("undici").then((undici) => ({
    undici,
    agent: new undici.Agent(AGENT_OPTIONS),
    agents: new WeakMap(),
  }));
  return client;
}

// The whole call has one limit, so the parts need none.
const AGENT_OPTIONS = {
  headersTimeout: 0,
  bodyTimeout: 0,
  maxResponseSize: ANSWER_BYTES_MAX,
} as const;

function agentWith({ undici, agent, agents }: HttpClient, tls: TlsMaterial | undefined): Agent {
  if (tls === undefined) return agent;
  const known = agents.get(tls);
  if (known !== undefined) return known;
  const { certificate, key, authorities, isPinned = false } = tls;
  const connect = {
    minVersion: "TLSv1.2" as const,
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(authorities === undefined ? {} : { ca: authorities }),
    ...(isPinned ? { allowPartialTrustChain: true, checkServerIdentity: () => undefined } : {}),
  };
  const made = new undici.Agent({ ...AGENT_OPTIONS, connect });
  agents.set(tls, made);
  return made;
}

async function callHttp(call: HttpCall): Promise<HttpResponse> {
  const loaded = await httpClient();
  const { undici } = loaded;
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
    const { origin, pathname, search } = new URL(call.url);
    const answer = await (local ?? agentWith(loaded, call.tls)).request({
      origin,
      path: pathname + search,
      method: call.method,
      headers: call.headers ?? {},
      body: call.body ?? null,
      signal: abort.signal,
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: flatHeaders(answer.headers), body };
  } catch (cause) {
    throw new TailraceError(
      "NETWORK_FAILED",
      `${call.method} ${call.url} failed: ${reasonOf(cause)}`,
      {
        cause,
        facts: { url: call.url },
      },
    );
  } finally {
    clearTimeout(timer);
    await local?.destroy();
    call.signal?.removeEventListener("abort", stop);
  }
}

function reasonOf(cause: unknown): string {
  if (isUntrustedCertificate(cause)) {
    return `its certificate comes from an authority that is not trusted here (${systemCode(cause)})`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
