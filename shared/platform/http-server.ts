import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { umask } from "node:process";
import { TailraceError } from "../errors.ts";
import { flatHeaders } from "./flat-headers.ts";
import type { HttpRequest, HttpResponse, Listener, ListenOptions } from "./network.ts";

/** How long requests under way may take to finish once the listener closes. */
const CLOSE_WAIT_MS_MAX = 5_000;
/** How long the rest of a refused body is read and thrown away, so that the client sees the answer instead of a reset. */
const REFUSED_BODY_WAIT_MS_MAX = 2_000;
/** Idle connections are kept a little longer than clients keep them (undici: 4 s), so that the client closes first. */
const KEEP_ALIVE_MS = 10_000;

type Handler = (request: HttpRequest) => Promise<HttpResponse>;

/** Listens with `node:http`; see `Network.listen`. */
export function listenHttp(options: ListenOptions, handle: Handler): Promise<Listener> {
  const server = createServer({
    requestTimeout: options.requestTimeoutMs,
    headersTimeout: options.requestTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(5_000, options.requestTimeoutMs / 4)),
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.maxConnections = options.connectionCountMax;
  const bodies = { bytes: 0 };
  const closing = new AbortController();
  server.on("request", (request, response) => {
    // A client that goes away while it is answered is no fault of ours; its request ends with its socket.
    response.on("error", () => request.destroy());
    request.on("error", () => response.destroy());
    answer(request, response, { server, handle, options, bodies, closing }).catch(() =>
      response.destroy(),
    );
  });
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const place = options.socketPath ?? `${options.host}:${options.port}`;
      const text = `Cannot listen on ${place}: ${cause.message}`;
      reject(new TailraceError("LISTEN_FAILED", text, { cause }));
    };
    server.once("error", fail);
    listenOn(server, options, () => {
      server.off("error", fail);
      // Accepting may fail for want of descriptors; connections already open go on, and the client tries again.
      server.on("error", () => server.closeIdleConnections());
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : options.port;
      resolve({ host: options.host, port, close: () => closeServer(server, closing) });
    });
  });
}

function listenOn(server: Server, options: ListenOptions, ready: () => void): void {
  if (options.socketPath === undefined) {
    server.listen(options.port, options.host, ready);
    return;
  }
  // The socket is made at once, within the call: at no moment may others open it.
  const before = umask(0o177);
  try {
    server.listen(options.socketPath, ready);
  } finally {
    umask(before);
  }
}

function closeServer(server: Server, closing: AbortController): Promise<void> {
  closing.abort();
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WAIT_MS_MAX);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

interface Serving {
  readonly server: Server;
  readonly handle: Handler;
  readonly options: ListenOptions;
  /** What is being read or answered now. */
  readonly bodies: { bytes: number };
  /** Aborts when the server closes. */
  readonly closing: AbortController;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  serving: Serving,
): Promise<void> {
  const { options, bodies } = serving;
  const held = { bytes: 0 };
  const hold = (bytes: number) => {
    held.bytes += bytes;
    bodies.bytes += bytes;
    return bodies.bytes <= (options.bodiesBytesMax ?? Number.POSITIVE_INFINITY);
  };
  try {
    const body = await readBody(request, options.bodyBytesMax, hold);
    if (Buffer.isBuffer(body)) await answerWhole(request, response, { serving, body });
    else if (body !== "cut") refuseBody(request, response, { why: body, options });
  } finally {
    bodies.bytes -= held.bytes;
  }
}

async function answerWhole(
  request: IncomingMessage,
  response: ServerResponse,
  { serving, body }: { readonly serving: Serving; readonly body: Buffer },
): Promise<void> {
  let result: HttpResponse;
  try {
    result = await serving.handle({
      method: request.method ?? "GET",
      path: request.url ?? "/",
      headers: flatHeaders(request.headers),
      body,
      remoteAddress: request.socket.remoteAddress ?? "",
    });
  } catch {
    // What went wrong inside is for the handler to log; the client learns only that it was not its fault.
    result = problem(500, { title: "Internal error", detail: "The request failed." });
  }
  if (!serving.server.listening) response.setHeader("connection", "close");
  if (result.stream === undefined || request.method === "HEAD") send(response, result);
  else await sendStream(response, result, serving.closing.signal);
}

/** Answers with what goes on: piece after piece, no faster than it is read. */
async function sendStream(
  response: ServerResponse,
  { status, headers, body, stream }: HttpResponse,
  closing: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, closing]);
  response.writeHead(status, headers);
  response.write(body);
  response.flushHeaders();
  for await (const piece of stream?.(signal) ?? []) {
    if (signal.aborted) break;
    if (!response.write(piece)) await once(response, "drain", { signal }).catch(() => undefined);
  }
  response.end();
}

function send(response: ServerResponse, result: HttpResponse): void {
  response.writeHead(result.status, { ...result.headers, "content-length": result.body.length });
  response.end(result.body);
}

function problem(status: number, facts: Readonly<Record<string, string>>): HttpResponse {
  const body = Buffer.from(JSON.stringify({ type: "about:blank", status, ...facts }));
  return { status, headers: { "content-type": "application/problem+json" }, body };
}

function refuseBody(
  request: IncomingMessage,
  response: ServerResponse,
  refused: { readonly why: "too large" | "too much"; readonly options: ListenOptions },
): void {
  const socket: Socket = request.socket;
  const timer = setTimeout(() => socket.destroy(), REFUSED_BODY_WAIT_MS_MAX);
  request.once("close", () => clearTimeout(timer));
  request.resume();
  response.setHeader("connection", "close");
  if (refused.why === "too much") {
    response.setHeader("retry-after", "1");
    const detail = "The bodies under way fill the room there is for them; send it again.";
    send(response, problem(503, { title: "Too much under way", code: "overloaded", detail }));
    return;
  }
  const detail = `The body is larger than ${refused.options.bodyBytesMax} bytes; send less at once.`;
  send(response, problem(413, { title: "Body too large", code: "body_too_large", detail }));
}

/** Resolves with the whole body, or with why there is none. `hold` is told of each piece and says whether there is room for it. */
function readBody(
  request: IncomingMessage,
  bytesMax: number,
  hold: (bytes: number) => boolean,
): Promise<Buffer | "cut" | "too large" | "too much"> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > bytesMax) return Promise.resolve("too large");
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      const hasRoom = hold(chunk.length);
      if (bytes <= bytesMax && hasRoom) {
        chunks.push(chunk);
        return;
      }
      request.off("data", take);
      resolve(bytes > bytesMax ? "too large" : "too much");
    };
    request.on("data", take);
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("close", () => resolve("cut"));
  });
}
