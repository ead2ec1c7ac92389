/** Sockets that take what others send: datagrams, and streams of bytes, also over TLS. */
import type { Socket } from "node:net";
import { TailraceError } from "../errors.ts";
import type { Listener, TlsMaterial } from "./network.ts";
import { secureContext } from "./secure-context.ts";

/** Where datagrams are taken. */
export interface DatagramOptions {
  readonly host: string;
  readonly port: number;
  /** What the kernel is asked to hold while the program is busy. */
  readonly bufferBytes: number;
}

/** Where streams are taken. */
export interface StreamOptions {
  readonly host: string;
  readonly port: number;
  /** More connections than this are closed at once. */
  readonly connectionCountMax: number;
  /** A connection that sends nothing for so long is closed. */
  readonly idleMs: number;
  /** Listen with TLS 1.2 or later; with authorities only to those who have a certificate of them. */
  readonly tls?: TlsMaterial;
}

/** One connection as its taker sees it. */
export interface StreamTaker {
  /** Takes bytes; the sender waits until the promise resolves. */
  data(bytes: Buffer): Promise<void> | undefined;
  /** The connection is over. `isWhole`: the sender ended it, and nothing was cut off. */
  end(isWhole: boolean): void;
}

/** The sockets of a process. */
export interface Sockets {
  /** Calls `take` with each datagram. Fails with LISTEN_FAILED (`cause.code` tells why, such as EADDRINUSE). */
  datagrams(options: DatagramOptions, take: (datagram: Buffer) => void): Promise<Listener>;
  /** Calls `open` for each connection. Fails with LISTEN_FAILED. */
  streams(options: StreamOptions, open: () => StreamTaker): Promise<Listener>;
}

/** A handshake takes two ways over the network; who needs longer takes a place from others. */
const HANDSHAKE_MS = 30_000;

/** Of a sender that is quiet the kernel finds out whether it is still there. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 } as const;

/** The sockets of this machine; their modules load when first used. */
export const realSockets: Sockets = { datagrams: listenDatagrams, streams: listenStreams };

async function listenDatagrams(
  { host, port, bufferBytes }: DatagramOptions,
  take: (datagram: Buffer) => void,
): Promise<Listener> {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4" });
  socket.on("message", take);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (cause) => reject(listenFault(host, port, cause)));
    socket.bind(port, host, resolve);
  });
  // The kernel may grant less; that is no reason not to listen.
  socket.on("error", () => undefined);
  socket.setRecvBufferSize(bufferBytes);
  return {
    host,
    port: socket.address().port,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

async function listenStreams(options: StreamOptions, open: () => StreamTaker): Promise<Listener> {
  const { host, port, tls, connectionCountMax } = options;
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => takeStream(socket, options, open());
  const server =
    tls === undefined
      ? (await import("node:net")).createServer(KEEP_ALIVE, accept)
      : (await import("node:tls")).createServer(
          {
            ...KEEP_ALIVE,
            ...secureContext(tls),
            requestCert: tls.authorities !== undefined,
            handshakeTimeout: HANDSHAKE_MS,
          },
          accept,
        );
  server.maxConnections = connectionCountMax;
  // Those included whose handshake is not done: they count, and closing does not wait for them.
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  // A peer that breaks the handshake is no fault of ours.
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(listenFault(host, port, cause)));
    server.listen(port, host, resolve);
  });
  server.on("error", () => undefined);
  const address = server.address();
  return {
    host,
    port: typeof address === "object" && address !== null ? address.port : port,
    ...("setSecureContext" in server
      ? { renew: (renewed: TlsMaterial) => server.setSecureContext(secureContext(renewed)) }
      : {}),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function takeStream(socket: Socket, { idleMs }: StreamOptions, taker: StreamTaker): void {
  let isEnded = false;
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on("data", (bytes: Buffer) => {
    const wait = taker.data(bytes);
    if (wait === undefined) return;
    socket.pause();
    // Who is made to wait is not idle, and what it sent is still to be taken.
    socket.setTimeout(0);
    void wait.then(() => {
      socket.setTimeout(idleMs);
      socket.resume();
    });
  });
  socket.on("end", () => {
    isEnded = true;
  });
  // What went wrong is told by the end that is not whole.
  socket.on("error", () => undefined);
  socket.on("close", () => taker.end(isEnded));
}

function listenFault(host: string, port: number, cause: Error): TailraceError {
  return new TailraceError("LISTEN_FAILED", `cannot listen on ${host}:${port}: ${cause.message}`, {
    cause,
    facts: { host, port },
  });
}
