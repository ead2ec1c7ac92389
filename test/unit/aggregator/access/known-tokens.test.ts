import { describe, expect, it } from "vitest";
import { KnownTokens } from "../../../../aggregator/access/known-tokens.ts";
import { makeSecret, readSecret } from "../../../../aggregator/access/token.ts";
import type { Token } from "../../../../aggregator/access/token-files.ts";
import { realRandom } from "../../../../shared/platform/random.ts";

const NOW_MS = Date.parse("2026-11-20T10:00:00Z");
const secret = makeSecret(realRandom);
const token: Token = {
  ...{ id: secret.id, name: "one", hash: secret.hash, scopes: ["read"] },
  createdAt: "2026-11-01T00:00:00.000Z",
};
const code = {
  id: "c",
  hash: secret.hash,
  createdAt: token.createdAt,
  expiresAt: "2026-11-20T10:00:01.000Z",
};

function knowing(changes: Partial<Token> = {}, revoked: readonly string[] = []): KnownTokens {
  const given = {
    ...{ version: 1 as const, tokens: [{ ...token, ...changes }], codes: [] },
    revoked: revoked.map((id) => ({ id, revokedAt: token.createdAt })),
  };
  return new KnownTokens(given, { version: 1, tokens: [], usedCodes: [] });
}

const show = (known: KnownTokens, text: string | undefined = `Bearer ${secret.text}`) =>
  known.identify(text, undefined, NOW_MS);

describe("known tokens", () => {
  it("say on whose behalf a token speaks, and for which agents", () => {
    expect(show(knowing())).toEqual({
      tenant: "",
      name: "token one",
      agents: undefined,
      scopes: ["read"],
    });
    expect(show(knowing({ agent: "web-1" }))).toMatchObject({ agents: ["web-1"] });
    expect(show(knowing(), `bearer   ${secret.text} `)).toMatchObject({ name: "token one" });
  });

  it("know no other secret under the same id, no other scheme, and no part of a token", () => {
    const other = secret.text.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    for (const text of [
      `Bearer ${other}`,
      `Basic ${secret.text}`,
      secret.text,
      "Bearer ",
      "Bearer x",
      `Bearer ${secret.text}x`,
    ]) {
      expect(show(knowing(), text)).toMatchObject({ reason: "unknown" });
    }
  });

  it("end with their time and with a revocation, in either place", () => {
    expect(show(knowing({ expiresAt: "2026-11-20T10:00:00.000Z" }))).toMatchObject({
      reason: "expired",
    });
    expect(show(knowing({ expiresAt: "2026-11-20T10:00:00.001Z" }))).toMatchObject({
      name: "token one",
    });
    expect(show(knowing({ revokedAt: token.createdAt }))).toMatchObject({ reason: "revoked" });
    expect(show(knowing({}, [secret.id]))).toMatchObject({ reason: "revoked" });
    expect(knowing({}, [secret.id]).count(NOW_MS)).toBe(0);
  });

  it("take an accepted certificate for an agent, and a token before it", () => {
    const certificate = { names: ["web-1"], fault: undefined };
    const known = knowing();
    expect(known.identify(undefined, certificate, NOW_MS)).toMatchObject({
      agents: ["web-1"],
      scopes: ["ingest"],
    });
    const wrong = { ...certificate, fault: "CERT_HAS_EXPIRED" };
    expect(known.identify(undefined, wrong, NOW_MS)).toMatchObject({ reason: "wrong_certificate" });
    expect(known.identify("Bearer x", certificate, NOW_MS)).toMatchObject({ reason: "unknown" });
  });

  it("take a code for its agent while it holds, and not when it was used or revoked", () => {
    const named = { ...code, id: secret.id, agent: "web-1" };
    const withCode = (usedCodes: string[], revoked: string[] = []) =>
      new KnownTokens(
        {
          ...{ version: 1, tokens: [], codes: [named] },
          revoked: revoked.map((id) => ({ id, revokedAt: token.createdAt })),
        },
        { version: 1, tokens: [], usedCodes },
      );
    expect(withCode([]).code(secret.text, "web-1", NOW_MS)).toEqual(named);
    expect(withCode([]).code(secret.text, "web-2", NOW_MS)).toBeUndefined();
    expect(withCode([]).code(secret.text, "web-1", NOW_MS + 1_000)).toBeUndefined();
    expect(withCode([secret.id]).code(secret.text, "web-1", NOW_MS)).toBeUndefined();
    expect(withCode([], [secret.id]).code(secret.text, "web-1", NOW_MS)).toBeUndefined();
    expect(withCode([]).code("x", "web-1", NOW_MS)).toBeUndefined();
  });
});

describe("a secret", () => {
  it("is read back as its hash, and never is the same twice", () => {
    expect(readSecret(secret.text)).toEqual({ id: secret.id, hash: secret.hash });
    expect(secret.hash).not.toContain(secret.text.slice(-43));
    expect(makeSecret(realRandom).text).not.toBe(secret.text);
  });
});
