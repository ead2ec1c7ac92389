/** What the agent shows to an aggregator: a token, a certificate, or nothing; and whom it believes. */
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { HttpCall } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { TlsFiles, type TlsPaths } from "../../shared/platform/tls-files.ts";

/** What the configuration says of it. */
export interface CredentialSettings {
  readonly token?: string | undefined;
  /** Undefined: what this system trusts, and no certificate of its own. */
  readonly tls?:
    | (Pick<TlsPaths, "certificate" | "key"> & { readonly ca?: string | undefined })
    | undefined;
}

const LOOK_MS = 10_000;

/** See the head of this file. */
export class Credentials {
  readonly #platform: Pick<Platform, "clock" | "disk">;
  readonly #settings: CredentialSettings;
  readonly #logger: Logger;
  readonly #files: TlsFiles | undefined;
  #lookAtMs: number;
  #complaint = "";

  private constructor(
    platform: Pick<Platform, "clock" | "disk">,
    settings: CredentialSettings,
    logger: Logger,
    files: TlsFiles | undefined,
  ) {
    this.#platform = platform;
    this.#settings = settings;
    this.#logger = logger;
    this.#files = files;
    this.#lookAtMs = platform.clock.monotonic() + LOOK_MS;
  }

  /** Reads the files. Fails with TLS_INVALID. */
  static async open(
    platform: Pick<Platform, "clock" | "disk">,
    settings: CredentialSettings,
    logger: Logger,
  ): Promise<Credentials> {
    const { tls } = settings;
    const paths = tls && { certificate: tls.certificate, key: tls.key, authorities: tls.ca };
    const files = paths && (await TlsFiles.open(platform.disk, paths));
    return new Credentials(platform, settings, logger, files);
  }

  /** A request with what is shown. Certificates that were renewed are taken over; those that cannot be used are told once. */
  async show(call: HttpCall): Promise<HttpCall> {
    const { token } = this.#settings;
    await this.#renew();
    const headers = { ...call.headers, ...(token && { authorization: `Bearer ${token}` }) };
    const tls = this.#files?.material;
    return { ...call, headers, ...(tls && { tls }) };
  }

  async #renew(): Promise<void> {
    const nowMs = this.#platform.clock.monotonic();
    if (this.#files === undefined || nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + LOOK_MS;
    try {
      if (!(await this.#files.renew())) return;
      this.#complaint = "";
      this.#logger.info("the renewed certificates are in use");
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      const detail = error.message;
      if (detail !== this.#complaint)
        this.#logger.error("the certificates before stay in use", { detail });
      this.#complaint = detail;
    }
  }
}
