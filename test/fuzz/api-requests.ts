/** Requests that nobody would send: known ones with the query, the type, the encoding, the headers, the body or the framing harmed. */
import { deflateSync, gzipSync } from "node:zlib";
import type { Prng } from "../../shared/platform/simulated/prng.ts";
import type { ApiTarget } from "./api-corpus.ts";
import { mutate } from "./mutate.ts";

/** A request as it goes over the wire. */
export interface FuzzRequest {
  /** The operation that it was made from. */
  readonly target: string;
  readonly bytes: Buffer;
  /** The client closes its side behind it. */
  readonly isCut: boolean;
}

const TYPES = ["", "text/html", "application/json; charset=latin1", "multipart/form-data", "a/b/c"];
const ENCODINGS = ["gzip", "gzip, gzip", "deflate", "br", "identity", "snappy", "\u00ff"];
const METHODS = ["PUT", "PATCH", "HEAD", "OPTIONS", "GET", "POST", "DELETE"] as const;
const BOMB_BYTES = 32 * 1024 * 1024;
const BOMB = gzipSync(Buffer.alloc(BOMB_BYTES, 0x61));
const LARGE = Buffer.alloc(5 * 1024 * 1024, 0x7b);

/** Makes the next request. */
export function makeRequest(
  prng: Prng,
  targets: readonly [ApiTarget, ...ApiTarget[]],
): FuzzRequest {
  const target = prng.pick(targets);
  const method = prng.chance(0.03) ? prng.pick(METHODS) : target.method;
  const headers = new Map([
    ["host", "127.0.0.1"],
    ["connection", "close"],
  ]);
  const body = method === "GET" ? Buffer.alloc(0) : bodyOf(prng, target, headers);
  if (prng.chance(0.1)) strangeHeaders(prng, headers);
  const path = pathOf(prng, target);
  return {
    target: `${target.method} ${target.path.replace(/[0-9a-f]{32}/, "{id}")}`,
    bytes: framed(prng, `${method} ${path} HTTP/1.1`, headers, body),
    isCut: prng.chance(0.03),
  };
}

function pathOf(prng: Prng, { path, queries, method }: ApiTarget): string {
  let query: string = prng.pick(queries);
  if (prng.chance(method === "GET" ? 0.9 : 0.2)) query = escaped(prng, mutated(prng, queries));
  const whole = prng.chance(0.03) ? `/${escaped(prng, mutated(prng, [path]))}` : path;
  return query === "" ? whole : `${whole}?${query}`;
}

function mutated(prng: Prng, texts: readonly [string, ...string[]]): Buffer {
  const [first, ...rest] = texts.map((text) => Buffer.from(text));
  return mutate(prng, [first ?? Buffer.alloc(0), ...rest]).subarray(0, 4_000);
}

/** As a client would write it; now and then as it is, so that the parser of HTTP sees it. */
function escaped(prng: Prng, bytes: Buffer): string {
  const text = bytes.toString("latin1");
  if (prng.chance(0.05)) return text;
  return text.replace(
    /[^\w.~&=%:+,/-]/g,
    (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function bodyOf(prng: Prng, target: ApiTarget, headers: Map<string, string>): Buffer {
  headers.set(
    "content-type",
    prng.chance(0.05) ? prng.pick(["", ...TYPES]) : prng.pick(target.types),
  );
  let body: Buffer = prng.pick(target.bodies);
  if (prng.chance(0.4)) body = strangeJson(prng, body);
  else if (prng.chance(0.7)) body = mutate(prng, target.bodies);
  if (prng.chance(0.02)) body = Buffer.alloc(0);
  if (target.path === "/v1/events" && prng.chance(0.2)) {
    headers.set("idempotency-key", mutated(prng, ["order-1", "order-2"]).toString("base64url"));
  }
  if (prng.chance(0.002)) return LARGE;
  if (prng.chance(0.15)) {
    headers.set("content-encoding", prng.pick(["gzip", ...ENCODINGS]));
    if (prng.chance(0.02)) return BOMB;
    body = prng.chance(0.1) ? deflateSync(body) : gzipSync(body, { level: 1 });
    if (prng.chance(0.3)) body = mutate(prng, [body]);
    if (prng.chance(0.2)) body = body.subarray(0, prng.below(body.length + 1));
  }
  return body;
}

const STRANGE_VALUES: readonly [unknown, ...unknown[]] = [
  ...([
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    "",
    " ",
    "\u0000",
    "\ud800",
    "\ufeff",
    "__proto__",
  ] as const),
  ...[
    "-1",
    "1e400",
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "../../etc",
    "é".repeat(3_000),
  ],
  ...[[], {}, [[]], { constructor: 1 }, Array.from({ length: 2_000 }, () => 0)],
];

/** The same with one value in it replaced, removed or doubled, wherever it stands; of lines each is JSON. */
function strangeJson(prng: Prng, body: Buffer): Buffer {
  const lines = body.toString("utf8").split("\n");
  const at = prng.below(lines.length);
  try {
    lines[at] = JSON.stringify(changed(prng, JSON.parse(lines[at] ?? "")));
  } catch {
    // What is no JSON has no values.
    return body;
  }
  return Buffer.from(lines.join("\n"));
}

function changed(prng: Prng, value: unknown): unknown {
  if (typeof value !== "object" || value === null || prng.chance(0.1)) {
    return prng.pick(STRANGE_VALUES);
  }
  const entries: [string, unknown][] = Object.entries(value);
  const at = prng.below(entries.length);
  const [name, inner] = entries[at] ?? ["new", null];
  if (prng.chance(0.11)) entries.splice(at, 1);
  else if (prng.chance(0.12)) entries.push([String(prng.pick(STRANGE_VALUES)), inner]);
  else entries[at] = [name, changed(prng, inner)];
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

function strangeHeaders(prng: Prng, headers: Map<string, string>): void {
  const strange: readonly [() => unknown, ...(() => unknown)[]] = [
    () => headers.set("x-long", "a".repeat(1 << (8 + prng.below(8)))),
    () => {
      for (let count = prng.below(2_100); count > 0; count--) headers.set(`x-${count}`, "1");
    },
    () => headers.set("authorization", `Bearer ${prng.bytes(40).toString("base64")}`),
    () => headers.set("if-none-match", '*, W/"a", "'),
    () => headers.set("expect", "100-continue"),
    () => headers.set("transfer-encoding", "gzip, chunked"),
    () => headers.set("range", "bytes=0-0"),
    () =>
      headers.set(
        "host",
        prng
          .bytes(20)
          .toString("latin1")
          .replace(/[\r\n]/g, ""),
      ),
    () => headers.set("content-type", `application/json;${";".repeat(prng.below(5_000))}`),
  ];
  prng.pick(strange)();
}

/** The whole message: by its length, in chunks, or with a frame that is not what it says. */
function framed(prng: Prng, line: string, headers: Map<string, string>, body: Buffer): Buffer {
  const isChunked = prng.chance(0.1);
  if (isChunked) headers.set("transfer-encoding", "chunked");
  else if (body.length > 0) headers.set("content-length", String(body.length));
  if (prng.chance(0.02))
    headers.set("content-length", prng.pick(["-1", "1e9", "99999999999", "7"]));
  const head = `${line}\r\n${[...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const parts = isChunked ? chunks(prng, body) : [body];
  const whole = Buffer.concat([Buffer.from(head, "latin1"), ...parts]);
  if (prng.chance(0.02)) return whole.subarray(0, prng.below(whole.length));
  return prng.chance(0.02) && whole.length < 60_000 ? mutate(prng, [whole]) : whole;
}

function chunks(prng: Prng, body: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + prng.below(Math.max(1, body.length / 2));
    const piece = body.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
    at += piece.length;
  }
  if (!prng.chance(0.05)) parts.push(Buffer.from("0\r\n\r\n"));
  return parts;
}
