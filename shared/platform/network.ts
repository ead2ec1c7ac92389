/** One HTTP request as a handler sees it. Header names are lower-case. */
export interface HttpRequest {
  readonly method: string;
  /** Path with query, such as `/v1/windows?service=a`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly remoteAddress: string;
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
  /** Longest wait for the whole answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** An open listening socket. */
export interface Listener {
  readonly host: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
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
