/** Events over HTTP: `POST /v1/events` takes lines of JSON, `POST /v1/logs` what OpenTelemetry's exporters send. */
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import { jsonAnswer, problemAnswer, type Refusal } from "../../shared/protocol/http-answer.ts";
import type { Principal } from "../../shared/protocol/principal.ts";
import { decodeOtlpJson, decodeOtlpProtobuf } from "./otlp-decode.ts";
import { encodeOtlpAnswer, eventsOfOtlp } from "./otlp-logs.ts";
import {
  type Posted,
  type PostedParts,
  type PostedResult,
  postRecords,
  unpackedBody,
} from "./posted-records.ts";

const LINE_FEED = 0x0a;
const LINES_TYPES: readonly string[] = [
  "application/x-ndjson",
  "application/jsonl",
  "application/json",
];
const NAME_LENGTH_MAX = 256;

/** See the head of this file. */
export class EventsApi {
  readonly #parts: PostedParts;

  constructor(parts: PostedParts) {
    this.#parts = parts;
  }

  /** Answers `POST /v1/events`; `query` is what follows the question mark. */
  async events(request: HttpRequest, query: string, principal: Principal): Promise<HttpResponse> {
    const type = mediaType(request);
    if (!LINES_TYPES.includes(type)) return problemAnswer(unsupported(type, LINES_TYPES));
    const parameters = new URLSearchParams(query);
    for (const name of parameters.keys()) {
      const value = parameters.get(name) ?? "";
      const isKnown = name === "stream" || name === "service";
      if (isKnown && value !== "" && value.length <= NAME_LENGTH_MAX) continue;
      const detail = `Known are stream and service, of 1 to ${NAME_LENGTH_MAX} characters.`;
      const faults = [{ parameter: name, detail }];
      return problemAnswer({ status: 400, code: "invalid_query", detail, faults });
    }
    const body = unpackedBody(request);
    if (!Buffer.isBuffer(body)) return problemAnswer(body);
    const posted: Posted = {
      ...{ tenant: principal.tenant, source: "http", body, values: linesOf(body) },
      stream: parameters.get("stream") ?? STREAM_DEFAULT,
      service: parameters.get("service") ?? "http",
    };
    const result = await postRecords(request, posted, this.#parts);
    if ("code" in result) return problemAnswer(result);
    return jsonAnswer(result.state === "pending" ? 202 : 200, result);
  }

  /** Answers `POST /v1/logs`. */
  async logs(request: HttpRequest, principal: Principal): Promise<HttpResponse> {
    const type = mediaType(request);
    const isJson = type === "application/json";
    if (!isJson && type !== "application/x-protobuf") {
      return problemAnswer(unsupported(type, ["application/x-protobuf", "application/json"]));
    }
    const body = unpackedBody(request);
    if (!Buffer.isBuffer(body)) return problemAnswer(body);
    const decoded = isJson ? decodeOtlpJson(body) : decodeOtlpProtobuf(body);
    if (typeof decoded === "string") {
      const detail = `The body is no ExportLogsServiceRequest: ${decoded}. Nothing of it was taken.`;
      return problemAnswer({ status: 400, code: "unreadable_body", detail });
    }
    const values = eventsOfOtlp(decoded).map((event) => Buffer.from(JSON.stringify(event)));
    const names = { source: "otlp", stream: STREAM_DEFAULT, service: "unknown_service" };
    const posted: Posted = { tenant: principal.tenant, ...names, body, values };
    const result = await postRecords(request, posted, this.#parts);
    if ("code" in result) return problemAnswer(result);
    return otlpAnswer(result, isJson);
  }
}

function otlpAnswer({ rejected, errors }: PostedResult, isJson: boolean): HttpResponse {
  const told = errors.map(({ line, reason }) => `record ${line}: ${reason}`).join(", ");
  if (!isJson) {
    const headers = { "content-type": "application/x-protobuf" };
    return { status: 200, headers, body: encodeOtlpAnswer(rejected, told) };
  }
  if (rejected === 0) return jsonAnswer(200, {});
  const partialSuccess = { rejectedLogRecords: String(rejected), errorMessage: told };
  return jsonAnswer(200, { partialSuccess });
}

function mediaType(request: HttpRequest): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function unsupported(type: string, wanted: readonly string[]): Refusal {
  const detail = `Expected content-type ${wanted.join(" or ")}, got ${type.slice(0, 100) || "none"}.`;
  return { status: 415, code: "unsupported_media_type", detail };
}

function linesOf(body: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let at = 0;
  while (at < body.length) {
    const end = body.indexOf(LINE_FEED, at);
    const next = end < 0 ? body.length : end;
    lines.push(body.subarray(at, next));
    at = next + 1;
  }
  return lines;
}
