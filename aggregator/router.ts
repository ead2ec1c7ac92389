import { createHash } from "node:crypto";
import type { Logger } from "../shared/log.ts";
import type { Clock } from "../shared/platform/clock.ts";
import type { HttpRequest, HttpResponse } from "../shared/platform/network.ts";
import type { Refusal } from "../shared/protocol/http-answer.ts";
import { problemAnswer } from "../shared/protocol/http-answer.ts";
import type { Principal, Scope } from "../shared/protocol/principal.ts";

/** What a handler gets. */
export interface RoutedRequest {
  readonly request: HttpRequest;
  /** What follows the question mark; empty when there is none. */
  readonly query: string;
  readonly principal: Principal;
  /** What stands in the place of the path's `{names}`, decoded; empty texts never do. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** One path. */
export interface Route {
  readonly method: "DELETE" | "GET" | "POST";
  /** With `{name}` in the place of a segment that may be anything. */
  readonly path: string;
  /** What the caller must be allowed to do; undefined: anybody may. */
  readonly scope: Scope | undefined;
  readonly handle: (routed: RoutedRequest) => Promise<HttpResponse>;
}

/** One answered request. */
export interface Answered {
  /** The route's path, or `other`: never what a caller made up. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** Who asks, whether they may, and what they changed: an `AccessDoor`. */
export interface Access {
  admit(request: HttpRequest): Refusal | undefined;
  identify(request: HttpRequest): { readonly principal: Principal; readonly refusal?: Refusal };
  refused(address: string, reason: string, detail: string): void;
  changed(request: HttpRequest, who: Principal, status: number): Promise<void>;
}

/** What a router needs. */
export interface RouterParts {
  readonly routes: readonly Route[];
  readonly access: Access;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: (answered: Answered) => void;
}

/**
 * The handler of all requests: finds the route, and refuses unknown paths (404), wrong methods (405 with `allow`), callers that are not known
 * (401), ask too often (429) or lack the scope (403). A handler that fails is answered 500, and its failure stands in the log. What changes
 * something is kept with who did it.
 */
export function createRouter(parts: RouterParts): (request: HttpRequest) => Promise<HttpResponse> {
  const { clock, logger, observe } = parts;
  return async (request) => {
    const startedMs = clock.monotonic();
    const mark = request.path.indexOf("?");
    const path = mark < 0 ? request.path : request.path.slice(0, mark);
    const query = mark < 0 ? "" : request.path.slice(mark + 1);
    const { known, parameters } = findRoutes(parts.routes, path);
    let response: HttpResponse;
    try {
      const refusal = parts.access.admit(request);
      const asked = { request, query, parameters, access: parts.access };
      response = refusal === undefined ? await answer(known, path, asked) : problemAnswer(refusal);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      logger.error("a request failed inside", { path, method: request.method, reason });
      response = problemAnswer({
        status: 500,
        code: "internal_error",
        detail: "The request failed inside the aggregator; its log says why. Try again later.",
      });
    }
    observe({
      route: known[0]?.path ?? "other",
      status: response.status,
      durationMs: clock.monotonic() - startedMs,
    });
    return request.method === "HEAD"
      ? { ...response, body: Buffer.alloc(0) }
      : tagged(request, response);
  };
}

/** The answer to a question with what names its content; a caller who has that already gets nothing again. */
function tagged({ method, headers }: HttpRequest, response: HttpResponse): HttpResponse {
  const { status, body, stream } = response;
  const isJson = response.headers["content-type"] === "application/json";
  if (method !== "GET" || status !== 200 || stream !== undefined || !isJson) return response;
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const known = (headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim());
  // A proxy that packs answers makes the tag a weak one.
  if (known.includes(etag) || known.includes(`W/${etag}`) || known.includes("*")) {
    return { status: 304, headers: { etag }, body: Buffer.alloc(0) };
  }
  return { ...response, headers: { ...response.headers, etag } };
}

/** The routes of a path: those that name it whole, else those of the first that fits it. */
function findRoutes(
  routes: readonly Route[],
  path: string,
): { readonly known: readonly Route[]; readonly parameters: Readonly<Record<string, string>> } {
  const exact = routes.filter((route) => route.path === path);
  if (exact.length > 0) return { known: exact, parameters: {} };
  for (const { path: pattern } of routes) {
    const parameters = pattern.includes("{") ? parametersOf(pattern, path) : undefined;
    if (parameters === undefined) continue;
    return { known: routes.filter((route) => route.path === pattern), parameters };
  }
  return { known: [], parameters: {} };
}

function parametersOf(pattern: string, path: string): Record<string, string> | undefined {
  const [names, texts] = [pattern.split("/"), path.split("/")];
  if (names.length !== texts.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const text = texts[index] ?? "";
    const [, parameter] = /^\{(\w+)\}$/.exec(name) ?? [];
    if (parameter === undefined) {
      if (name !== text) return undefined;
      continue;
    }
    const decoded = unescaped(text);
    if (decoded === undefined || decoded === "") return undefined;
    parameters[parameter] = decoded;
  }
  return parameters;
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Badly escaped: nothing stands there.
    return undefined;
  }
}

async function answer(
  known: readonly Route[],
  path: string,
  {
    request,
    query,
    parameters,
    access,
  }: Omit<RoutedRequest, "principal"> & { readonly access: Access },
): Promise<HttpResponse> {
  if (known.length === 0) {
    return problemAnswer({
      status: 404,
      code: "not_found",
      detail: `There is nothing at ${path.slice(0, 200)}.`,
    });
  }
  const method = request.method === "HEAD" ? "GET" : request.method;
  const route = known.find((candidate) => candidate.method === method);
  if (route === undefined) {
    const allowed = known.flatMap(({ method: other }) =>
      other === "GET" ? ["GET", "HEAD"] : [other],
    );
    return problemAnswer({
      status: 405,
      code: "method_not_allowed",
      detail: `${path} takes ${allowed.join(", ")}.`,
      headers: { allow: allowed.join(", ") },
    });
  }
  const { principal, refusal } = access.identify(request);
  const { scope } = route;
  if (scope !== undefined && refusal !== undefined) return problemAnswer(refusal);
  const isAllowed = scope === undefined || principal.scopes.includes(scope);
  if (!isAllowed) access.refused(request.remoteAddress, "scope", `${principal.name}: ${path}`);
  const response = isAllowed
    ? await route.handle({ request, query, parameters, principal })
    : forbidden(path, scope);
  const isChange = route.method !== "GET" && scope !== "ingest" && scope !== "read";
  if (isChange) await access.changed(request, principal, response.status);
  const { stream } = response;
  if (stream === undefined || scope === undefined) return response;
  const mayGoOn = () => access.identify(request).principal.scopes.includes(scope);
  return { ...response, stream: (signal) => whileAllowed(stream(signal), mayGoOn) };
}

/** What goes on outlives the token that it was asked for with, unless somebody looks: it ends with the first piece behind that. */
async function* whileAllowed(
  pieces: AsyncIterable<Buffer>,
  mayGoOn: () => boolean,
): AsyncIterable<Buffer> {
  for await (const piece of pieces) {
    if (!mayGoOn()) return;
    yield piece;
  }
}

function forbidden(path: string, scope: Scope | undefined): HttpResponse {
  return problemAnswer({
    status: 403,
    code: "forbidden",
    detail: `${path} needs the scope ${scope}.`,
  });
}
