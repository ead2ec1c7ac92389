/** Reading what operators ask for: queries and bodies of a known shape, with a problem that names every fault. */
import type { z } from "zod";
import type { HttpRequest, HttpResponse } from "../platform/network.ts";
import { problemAnswer, type QueryFault } from "./http-answer.ts";

/** A body as JSON of this shape. A browser cannot send it on another site's behalf without asking first. */
export function readJsonBody<T>(
  { headers, body }: HttpRequest,
  schema: z.ZodType<T>,
): { readonly value: T } | { readonly refused: HttpResponse } {
  const contentType = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (contentType !== "application/json") {
    const detail = "Send the body as application/json.";
    const code = "unsupported_media_type";
    return { refused: problemAnswer({ status: 415, code, detail }) };
  }
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    const detail = `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`;
    return { refused: problemAnswer({ status: 400, code: "unreadable_body", detail }) };
  }
  const parsed = schema.safeParse(value);
  return parsed.success
    ? { value: parsed.data }
    : { refused: shapeRefusal("The body", parsed.error) };
}

/** The answer to a query or body that is not as `error` says it must be; `what` names it. */
export function shapeRefusal(what: string, error: z.ZodError): HttpResponse {
  const faults: QueryFault[] = error.issues.map((issue) => ({
    parameter: issue.path.map(String).join("."),
    detail: issue.message,
  }));
  const said = faults.map(({ parameter, detail }) => `${parameter} ${detail}`.trim()).join("; ");
  const detail = `${what} cannot be understood: ${said}.`;
  return problemAnswer({ status: 400, code: "invalid_query", detail, faults });
}
