/** What callers meet first: the socket with its certificate, the door that asks who they are, and the router behind it. */
import type { Logger } from "../shared/log.ts";
import type { HttpResponse, Listener } from "../shared/platform/network.ts";
import type { Platform } from "../shared/platform/platform.ts";
import { TlsFiles } from "../shared/platform/tls-files.ts";
import { AccessDoor } from "./access/access-door.ts";
import { followCertificate } from "./access/follow-certificate.ts";
import type { AggregatorConfig } from "./config.ts";
import { type Answered, createRouter, type Route, type RoutedRequest } from "./router.ts";

/** What a front needs. */
export interface FrontParts {
  readonly platform: Platform;
  readonly config: AggregatorConfig;
  readonly logger: Logger;
  /** Is told of each answered request. */
  readonly observe: (answered: Answered) => void;
  /** Is told of each caller that is refused for what it is, shows, or does too often. */
  readonly callerRefused: (reason: string) => void;
}

/** See the head of this file. */
export class Front {
  readonly #parts: FrontParts;
  readonly #access: AccessDoor;
  readonly #stopping = new AbortController();
  #listener: Listener | undefined;
  #renewing: Promise<void> = Promise.resolve();

  constructor(parts: FrontParts) {
    const { config, platform, logger, callerRefused } = parts;
    this.#parts = parts;
    this.#access = new AccessDoor({
      ...{ mode: config.access, platform, logger, directory: config.dataDir },
      addressRequestsPerSecond: config.limits.addressRequestsPerSecond,
      observe: callerRefused,
    });
  }

  get host(): string {
    return this.#listener?.host ?? this.#parts.config.listen.host;
  }

  /** The port in use, also when any was asked for. */
  get port(): number {
    return this.#listener?.port ?? this.#parts.config.listen.port;
  }

  /** Answers `POST /v1/enroll`. */
  enroll({ request }: RoutedRequest): Promise<HttpResponse> {
    return this.#access.enroll(request);
  }

  /** Listens, and follows tokens and certificates. Fails with LISTEN_FAILED, TLS_INVALID, FORMAT_UNKNOWN or DISK_FAILED. */
  async open(routes: readonly Route[]): Promise<void> {
    const { platform, config, logger, observe } = this.#parts;
    const { listen, limits, tls } = config;
    const access = this.#access;
    await access.open();
    const files = tls && (await TlsFiles.open(platform.disk, tls));
    const { clock, timers } = platform;
    const listener = await platform.network.listen(
      {
        host: listen.host,
        port: listen.port,
        bodyBytesMax: limits.bodyBytesMax,
        bodiesBytesMax: limits.inFlightBytesMax,
        requestTimeoutMs: limits.requestTimeoutMs,
        connectionCountMax: limits.connectionCountMax,
        addressConnectionCountMax: limits.addressConnectionCountMax,
        onRefused: (address, reason) => access.refused(address, reason, "its connection"),
        ...(files === undefined ? {} : { tls: files.material }),
      },
      createRouter({ routes, access, clock, logger, observe }),
    );
    this.#listener = listener;
    const { signal } = this.#stopping;
    if (files !== undefined) {
      this.#renewing = followCertificate({ files, listener, timers, logger, signal });
    }
  }

  /** Takes no more requests, and lets those under way finish for a bounded time. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#listener?.close();
    await this.#renewing;
    await this.#access.close();
  }
}
