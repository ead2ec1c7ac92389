/** Who may do what, by what they show: decides without I/O, from the tokens that were given and enrolled. */
import type { ClientCertificate } from "../../shared/platform/network.ts";
import type { Principal } from "../../shared/protocol/principal.ts";
import { isSameHash, readSecret } from "./token.ts";
import type { EnrollCode, EnrolledTokens, GivenTokens, Token } from "./token-files.ts";

/** Why a caller is not let in. */
export interface Unknown {
  readonly reason: "expired" | "missing" | "revoked" | "unknown" | "wrong_certificate";
  readonly detail: string;
}

/** See the head of this file. */
export class KnownTokens {
  readonly #tokens: ReadonlyMap<string, Token>;
  readonly #revoked: ReadonlySet<string>;
  readonly #codes: ReadonlyMap<string, EnrollCode>;
  readonly #usedCodes: ReadonlySet<string>;

  constructor(given: GivenTokens, enrolled: EnrolledTokens) {
    this.#tokens = new Map([...given.tokens, ...enrolled.tokens].map((one) => [one.id, one]));
    this.#revoked = new Set(given.revoked.map(({ id }) => id));
    this.#codes = new Map(given.codes.map((code) => [code.id, code]));
    this.#usedCodes = new Set(enrolled.usedCodes);
  }

  /** How many tokens let somebody in now. */
  count(nowMs: number): number {
    return [...this.#tokens.values()].filter((token) => this.#fault(token, nowMs) === undefined)
      .length;
  }

  /** On whose behalf a caller asks that shows an `authorization` header, a certificate, or neither. A token wins over a certificate. */
  identify(
    authorization: string | undefined,
    certificate: ClientCertificate | undefined,
    nowMs: number,
  ): Principal | Unknown {
    if (authorization !== undefined) return this.#byToken(authorization, nowMs);
    if (certificate === undefined) {
      return { reason: "missing", detail: "Show a token: `authorization: Bearer …`." };
    }
    if (certificate.fault !== undefined) {
      const detail = `The certificate is not accepted here: ${certificate.fault}.`;
      return { reason: "wrong_certificate", detail };
    }
    const { names } = certificate;
    const name = `certificate ${names.join(", ")}`;
    return { tenant: "", name, agents: names, scopes: ["ingest"] };
  }

  /** The code that a text is, if it lets `agent` in at that time; not whether it is being used. */
  code(text: string, agent: string, nowMs: number): EnrollCode | undefined {
    const shown = readSecret(text);
    const code = shown && this.#codes.get(shown.id);
    if (shown === undefined || code === undefined || !isSameHash(shown.hash, code.hash)) {
      return undefined;
    }
    const isOpen = Date.parse(code.expiresAt) > nowMs && !this.#usedCodes.has(code.id);
    const isTheirs = code.agent === undefined || code.agent === agent;
    return isOpen && isTheirs && !this.#revoked.has(code.id) ? code : undefined;
  }

  #byToken(authorization: string, nowMs: number): Principal | Unknown {
    const shown = readSecret(/^bearer +(\S+)$/i.exec(authorization.trim())?.[1] ?? "");
    const token = shown && this.#tokens.get(shown.id);
    if (shown === undefined || token === undefined || !isSameHash(shown.hash, token.hash)) {
      return { reason: "unknown", detail: "The token is not known here." };
    }
    const fault = this.#fault(token, nowMs);
    if (fault !== undefined) {
      return { reason: fault, detail: `The token ${token.id} (${token.name}) is ${fault}.` };
    }
    const agents = token.agent === undefined ? undefined : [token.agent];
    return { tenant: "", name: `token ${token.name}`, agents, scopes: token.scopes };
  }

  #fault(token: Token, nowMs: number): "revoked" | "expired" | undefined {
    if (token.revokedAt !== undefined || this.#revoked.has(token.id)) return "revoked";
    const isOver = token.expiresAt !== undefined && Date.parse(token.expiresAt) <= nowMs;
    return isOver ? "expired" : undefined;
  }
}
