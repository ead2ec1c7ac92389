import { describe, expect, it } from "vitest";
import { localCaller } from "../../../aggregator/access/local-caller.ts";
import { type Access, type Answered, createRouter } from "../../../aggregator/router.ts";
import type { Logger } from "../../../shared/log.ts";
import { jsonAnswer } from "../../../shared/protocol/http-answer.ts";
import { NOBODY } from "../../../shared/protocol/principal.ts";

const answered: Answered[] = [];
const errors: string[] = [];
const logger: Logger = {
  error: (message) => errors.push(message),
  warn() {},
  info() {},
  debug() {},
};
const access: Access = {
  admit: () => undefined,
  identify: (request) => ({ principal: localCaller(request) }),
  refused() {},
  changed: async () => {},
};
const handle = createRouter({
  access,
  clock: { now: () => 0, monotonic: () => 0 },
  logger,
  observe: (one) => answered.push(one),
  routes: [
    {
      method: "GET",
      path: "/v1/windows",
      scope: "read",
      handle: async ({ query, principal }) => jsonAnswer(200, { query, tenant: principal.tenant }),
    },
    {
      method: "POST",
      path: "/v1/batches",
      scope: "ingest",
      handle: async () => {
        throw new Error("secret");
      },
    },
  ],
});

async function ask(method: string, path: string) {
  const request = { method, path, headers: {}, body: Buffer.alloc(0), remoteAddress: "" };
  const { status, headers, body } = await handle(request);
  return { status, headers, text: body.toString() };
}

describe("the router", () => {
  it("gives a route its query and on whose behalf it is asked", async () => {
    expect(await ask("GET", "/v1/windows?a=b?c")).toMatchObject({
      status: 200,
      text: '{"query":"a=b?c","tenant":""}',
    });
    expect(answered.at(-1)).toEqual({ route: "/v1/windows", status: 200, durationMs: 0 });
  });

  it("ends what goes on when its caller is no longer let in", async () => {
    let scopes = ["read" as const];
    const request = { method: "GET", path: "/v1/stream", headers: {}, body: Buffer.alloc(0) };
    const following = createRouter({
      ...{ clock: { now: () => 0, monotonic: () => 0 }, logger, observe: () => {} },
      access: { ...access, identify: () => ({ principal: { ...NOBODY, scopes } }) },
      routes: [
        {
          ...{ method: "GET", path: "/v1/stream", scope: "read" },
          handle: async () => ({
            ...{ status: 200, headers: {}, body: Buffer.alloc(0) },
            async *stream() {
              for (let number = 0; number < 10; number++) yield Buffer.from(String(number));
            },
          }),
        },
      ],
    });
    const { stream } = await following({ ...request, remoteAddress: "" });
    const pieces: string[] = [];
    for await (const piece of stream?.(new AbortController().signal) ?? []) {
      pieces.push(piece.toString());
      if (pieces.length === 2) scopes = [];
    }
    expect(pieces).toEqual(["0", "1"]);
  });

  it("answers HEAD like GET without the body", async () => {
    expect(await ask("HEAD", "/v1/windows")).toMatchObject({ status: 200, text: "" });
  });

  it("answers unknown paths 404, and counts them under one name", async () => {
    for (const path of ["/", "/v1/window", "//x", "*", ""]) {
      const { status, headers, text } = await ask("GET", path);
      expect(status).toBe(404);
      expect(headers["content-type"]).toBe("application/problem+json");
      expect(JSON.parse(text)).toMatchObject({ code: "not_found", status: 404 });
      expect(answered.at(-1)?.route).toBe("other");
    }
  });

  it("answers wrong methods 405 with what is allowed", async () => {
    expect(await ask("DELETE", "/v1/windows")).toMatchObject({
      status: 405,
      headers: { allow: "GET, HEAD" },
    });
    expect(await ask("GET", "/v1/batches")).toMatchObject({
      status: 405,
      headers: { allow: "POST" },
    });
  });

  it("answers 500 without details when a handler fails, and logs it", async () => {
    const { status, text } = await ask("POST", "/v1/batches");
    expect(status).toBe(500);
    expect(text).not.toContain("secret");
    expect(errors).toHaveLength(1);
  });
});

describe("who calls", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1:7400", true],
    ["::1", "[::1]:7400", true],
    ["::ffff:127.0.0.1", "localhost", true],
    ["127.0.0.1", "evil.example:7400", false],
    ["127.0.0.1", "127.0.0.1.evil.example", false],
    ["127.0.0.1", undefined, false],
    ["10.0.0.7", "127.0.0.1:7400", false],
    ["::ffff:10.0.0.7", "localhost", false],
    ["", "localhost", false],
  ])("%s, who asks %s, may operate the aggregator: %s", (remoteAddress, host, isAllowed) => {
    const headers = host === undefined ? {} : { host };
    const request = { method: "GET", path: "/", headers, body: Buffer.alloc(0), remoteAddress };
    expect(localCaller(request).scopes.includes("operate")).toBe(isAllowed);
  });
});
