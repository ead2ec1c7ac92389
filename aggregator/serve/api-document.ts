/**
 * The OpenAPI document of the aggregator's API, made from the table of operations and from the schemas by which requests are read. It is served at
 * `/v1/openapi.json`; a test holds the table against the routes.
 */
import { API_OPERATIONS, type ApiOperation } from "./api-operations.ts";
import { apiSchemas, type Json, named, text } from "./api-schemas.ts";

/** The document; `version` is the program's. */
export function apiDocument(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of API_OPERATIONS) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationJson(operation) };
  }
  const tags = [...new Set(API_OPERATIONS.map(({ tag }) => tag))];
  return {
    openapi: "3.1.0",
    info: {
      title: "tailrace aggregator",
      version,
      description:
        "Windows, alerts and the state of an aggregator. Refusals are problem+json (RFC 9457).",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{}, { token: [] }],
    tags: tags.map((name) => ({ name, description: `Operations on ${name}.` })),
    paths,
    components: {
      schemas: apiSchemas,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Made by `tailrace token create`." },
      },
    },
  };
}

function operationJson(operation: ApiOperation): Json {
  const { id, tag, summary, parameters = [], body, answer, refusals = [], path } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    ...{ name, in: "path", required: true, description: "As lists show it.", schema: text() },
  }));
  const inQuery = parameters.map(({ name, description, schema, isList = false }) => ({
    ...{ name, in: "query", required: false, description },
    ...(isList
      ? { schema: { type: "array", items: schema }, style: "form", explode: true }
      : { schema }),
  }));
  const hasInput = inQuery.length > 0 || body !== undefined;
  const all = [...new Set([...refusals, ...(hasInput ? [400] : []), 401, 403, 405, 429])].toSorted(
    (a, b) => a - b,
  );
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { [body.type]: { schema: body.schema } } } }),
    responses: {
      "200": { description: "Done.", content: { [answer.type]: { schema: answer.schema } } },
      ...Object.fromEntries(all.map((status) => [String(status), refusalJson(status, operation)])),
    },
  };
}

const REASONS: Readonly<Record<number, string>> = {
  202: "Taken, and soon done.",
  400: "The request cannot be understood.",
  401: "The caller is not known.",
  403: "The caller may not do this.",
  404: "There is nothing of that name.",
  405: "The method does not fit this path.",
  409: "That does not fit what is so.",
  413: "The body is too large.",
  415: "The body is of another type.",
  429: "The address asks too often.",
  503: "Try again later.",
};

function refusalJson(status: number, { path }: ApiOperation): Json {
  const description = REASONS[status] ?? "Refused.";
  const isOwn = status === 202 || (status === 503 && path === "/readyz");
  const type = isOwn ? "application/json" : "application/problem+json";
  const schema = isOwn ? { type: "object" } : named("Problem");
  return { description, content: { [type]: { schema } } };
}
