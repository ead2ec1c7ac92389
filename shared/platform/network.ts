/** One HTTP request as a handler sees it. Header names are lower-case. */
export interface HttpRequest {
  readonly method: string;
  /** Path with query, such as `/v1/windows?service=a`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly remoteAddress: string;
  /** What the client showed of itself; undefined when it showed nothing, or was not asked. */
  readonly certificate?: ClientCertificate;
}

/** A certificate that a client showed. */
export interface ClientCertificate {
  /** The names that an accepted one vouches for: its alternative names of hosts, else its common name. */
  readonly names: readonly string[];
  /** Why it is not accepted; undefined when it is. */
  readonly fault: string | undefined;
}

/** What one side of a TLS connection is known by, and whom it believes; each is the content of a PEM file. */
export interface TlsMaterial {
  readonly certificate: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** Whose certificates the other side may show; undefined: those that this system trusts; as a server: nobody is asked. */
  readonly authorities: Buffer | undefined;
  /** True to ask a server that is known by this certificate itself, whatever name it is asked under. */
  readonly isPinned?: boolean;
}

/** One HTTP answer. Header names are lower-case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /**
   * Of an answer that goes on: what follows the body, for as long as somebody reads. The signal aborts when the reader is gone or the server
   * closes; the next piece is asked for only when the one before was taken. Never in what a call resolves to.
   */
  readonly stream?: (signal: AbortSignal) => AsyncIterable<Buffer>;
}

/** What a client asks for. */
export interface HttpCall {
  /** Absolute address, such as `http://127.0.0.1:7400/v1/batches`. */
  readonly url: string;
  readonly method: string;
  /** Call the server that listens on this unix domain socket; the host of `url` is only told to it. */
  readonly socketPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** For `https`; the same object for as long as it holds, so that connections are kept. */
  readonly tls?: TlsMaterial;
  /** Longest wait for the whole answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** An open listening socket. */
export interface Listener {
  readonly host: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** Takes renewed certificates for connections to come; only there when it listens with TLS. */
  readonly renew?: (tls: TlsMaterial) => void;
  /** Takes no new connections, lets requests under way finish for a bounded time, then closes. */
  close(): Promise<void>;
}

/** How a server listens. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Listen on a unix domain socket at this path instead, which only this user may open; nothing may be there before. */
  readonly socketPath?: string;
  /** A larger body is answered 413 as problem+json with code `body_too_large`, without being read whole. */
  readonly bodyBytesMax: number;
  /** While bodies that are being read or answered hold more than this together, further ones are answered 503 `overloaded`; no limit when absent. */
  readonly bodiesBytesMax?: number;
  /** Longest wait for a whole request; then 408. */
  readonly requestTimeoutMs: number;
  /** More connections than this are refused. */
  readonly connectionCountMax: number;
  /** More connections than this from one address are refused; no limit when absent. */
  readonly addressConnectionCountMax?: number;
  /** Is told of each connection that is refused, or that came to nothing: a failed handshake, a request that never came whole. */
  readonly onRefused?: (
    remoteAddress: string,
    reason: "connections" | "handshake" | "slow",
  ) => void;
  /** Listen with TLS 1.2 or later. */
  readonly tls?: TlsMaterial;
}

/** HTTP both ways. */
export interface Network {
  /**
   * Sends one request and resolves with the whole answer, whatever its status.
   * Fails with NETWORK_FAILED (retry later) when no whole answer came: refused, reset, cut, timed out or aborted.
   */
  call(call: HttpCall): Promise<HttpResponse>;
  /**
   * Listens and answers each whole request with what `handle` resolves to; a rejection is answered 500 without details.
   * Fails with LISTEN_FAILED (`cause.code` tells why, such as EADDRINUSE).
   */
  listen(
    options: ListenOptions,
    handle: (request: HttpRequest) => Promise<HttpResponse>,
  ): Promise<Listener>;
}
