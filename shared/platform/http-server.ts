import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import { umask } from "node:process";
import { TLSSocket } from "node:tls";
import { systemReason, TailraceError } from "../errors.ts";
import { dnsNamesOf } from "./certificate-names.ts";
import { flatHeaders } from "./flat-headers.ts";
import type {
  ClientCertificate,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  TlsMaterial,
} from "./network.ts";
import { secureContext } from "./secure-context.ts";

/** How long requests under way may take to finish once the listener closes. */
const CLOSE_WAIT_MS_MAX = 5_000;
/** How long the rest of a refused body is read and thrown away, so that the client sees the answer instead of a reset. */
const REFUSED_BODY_WAIT_MS_MAX = 2_000;
/** Idle connections are kept a little longer than clients keep them (undici: 4 s), so that the client closes first. */
const KEEP_ALIVE_MS = 10_000;

type Handler = (request: HttpRequest) => Promise<HttpResponse>;

/** Listens with `node:http`; see `Network.listen`. */
export function listenHttp(options: ListenOptions, handle: Handler): Promise<Listener> {
  const server = createHttpServer(options);
  server.maxConnections = options.connectionCountMax;
  limitAddresses(server, options);
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
      const text = `Cannot listen on ${place}: ${systemReason(cause)}`;
      reject(new TailraceError("LISTEN_FAILED", text, { cause }));
    };
    server.once("error", fail);
    listenOn(server, options, () => {
      server.off("error", fail);
      // Accepting may fail for want of descriptors; connections already open go on, and the client tries again.
      server.on("error", () => server.closeIdleConnections());
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : options.port;
      const renew = (tls: TlsMaterial) => {
        if (server instanceof TlsServer) server.setSecureContext(secureContext(tls));
      };
      const close = () => closeServer(server, closing);
      resolve({ host: options.host, port, renew, close });
    });
  });
}

function createHttpServer(options: ListenOptions): Server | TlsServer {
  const { requestTimeoutMs, tls, onRefused } = options;
  const limits = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.max(50, Math.min(5_000, requestTimeoutMs / 4)),
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server =
    tls === undefined
      ? createServer(limits)
      : createTlsServer({
          ...limits,
          ...secureContext(tls),
          // A wrong certificate is answered 401 with the reason, which says more than a failed handshake.
          requestCert: tls.authorities !== undefined,
          rejectUnauthorized: false,
          handshakeTimeout: requestTimeoutMs,
        });
  server.on("tlsClientError", (_error, socket) => {
    onRefused?.(socket.remoteAddress ?? "", "handshake");
    socket.destroy();
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    if (isSlow) onRefused?.(socket.remoteAddress ?? "", "slow");
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else socket.end(`HTTP/1.1 ${clientErrorStatus(error.code)}\r\nConnection: close\r\n\r\n`);
  });
  return server;
}

function clientErrorStatus(code: string | undefined): string {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout";
  if (code === "HPE_HEADER_OVERFLOW") return "431 Request Header Fields Too Large";
  return "400 Bad Request";
}

/** Closes connections of an address that has its share of them, before anything is read. */
function limitAddresses(server: Server | TlsServer, options: ListenOptions): void {
  const { addressConnectionCountMax = Number.POSITIVE_INFINITY, onRefused } = options;
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    socket.once("close", () => {
      const left = (counts.get(address) ?? 1) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
    });
    if (count <= addressConnectionCountMax) return;
    onRefused?.(address, "connections");
    socket.destroy();
  });
}

/** What the client showed, if it was asked. */
function certificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const found = socket.getPeerCertificate();
  const names = dnsNamesOf(found.subjectaltname ?? "");
  const common: unknown = found.subject?.CN;
  if (names.length === 0 && typeof common === "string") names.push(common);
  if (names.length === 0) return undefined;
  const fault = socket.authorized ? undefined : String(socket.authorizationError);
  return { names, fault };
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
  const certificate = certificateOf(request.socket);
  try {
    result = await serving.handle({
      method: request.method ?? "GET",
      path: request.url ?? "/",
      headers: flatHeaders(request.headers),
      body,
      remoteAddress: request.socket.remoteAddress ?? "",
      ...(certificate === undefined ? {} : { certificate }),
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
  const { why, options } = refused;
  const isLarge = why === "too large";
  const answer = isLarge
    ? problem(413, {
        title: "Body too large",
        code: "body_too_large",
        detail: `The body is larger than ${options.bodyBytesMax} bytes; send less at once.`,
      })
    : problem(503, {
        title: "Too much under way",
        code: "overloaded",
        detail: "The bodies under way fill the room there is for them; send it again.",
      });
  if (!isLarge) response.setHeader("retry-after", "1");
  response.setHeader("connection", "close");
  // A connection that is closed while the client writes may take the answer with it: first the rest of the body goes by.
  const finish = () => {
    clearTimeout(timer);
    if (!response.headersSent) send(response, answer);
  };
  const timer = setTimeout(finish, REFUSED_BODY_WAIT_MS_MAX);
  request.once("end", finish);
  request.once("close", finish);
  request.resume();
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
