/**
 * Log lines to measure with: newline-delimited JSON of 238 bytes on average, as a fleet of web services writes it. Forty services of
 * very different weight, two hours, 15 % of the lines up to eight seconds out of order, bursts of errors, 3 % of the messages with
 * escapes or other scripts. The same seed gives the same bytes.
 */

const NAMES = (
  "orders payments cart search catalog auth users inventory shipping email " +
  "billing gateway recommend reviews sessions media pricing promo fraud ledger"
).split(" ");
const SERVICES = NAMES.flatMap((name) => [`${name}-api`, `${name}-worker`]);
const METHODS = ["GET", "GET", "GET", "GET", "GET", "GET", "GET", "POST", "POST", "DELETE", "PUT"];
const PATHS = [
  "/api/v1/orders/#",
  "/api/v1/users/#/profile",
  "/api/v2/cart/#/items",
  "/healthz",
  "/api/v1/search?q=item-#&page=2",
  "/internal/sync/#",
  "/api/v1/payments/#/capture",
];
const ENDINGS = [
  "completed",
  "cache miss, fetched from primary store",
  "retried once after upstream reset",
  "ok",
  "slow query detected on replica set shard 3 while reading customer record",
  "request finished, response body 18231 bytes sent to client",
  "connection reused from pool",
];
const FAILURES = [
  "upstream connect error or disconnect/reset before headers",
  "context deadline exceeded while waiting for ledger lock",
  "NullPointerException in OrderMapper.toDto(OrderMapper.java:118)",
  "connection refused by peer 10.4.2.17:5432 after 3 attempts",
];
const ODDITIES = [
  ' payload={\\"id\\":#,\\"k\\":\\"v\\"}',
  " path C:\\\\srv\\\\data\\\\#",
  " Kunde übergab €#",
  " \\u00e9t\\u00e9 \\uD83D\\uDE80 #",
  " tab\\tnew\\nline #",
];
const START_MS = Date.UTC(2026, 10, 20, 10);
const SPAN_MS = 2 * 3600 * 1000;
const BURST_EVERY_MS = 25 * 60 * 1000;
const BURST_MS = 90 * 1000;
const CHUNK_CHARACTERS = 1 << 20;

/** Random numbers in [0, 1) from a seed: xorshift of 32 bits (Marsaglia, "Xorshift RNGs", 2003), plenty for test data. */
export function seededRandom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** About `bytes` bytes of lines, in chunks of whole lines. */
export function* logChunks(bytes: number, seed: number): Generator<Buffer> {
  const random = seededRandom(seed);
  const picks = weightedServices();
  let text = "";
  let written = 0;
  let burst = { fromMs: BURST_EVERY_MS, service: 0 };
  while (written < bytes) {
    const positionMs = (written / bytes) * SPAN_MS;
    if (positionMs > burst.fromMs + BURST_MS) {
      burst = { fromMs: burst.fromMs + BURST_EVERY_MS, service: Math.floor(random() * 8) };
    }
    const service = picks[Math.floor(random() * picks.length)] ?? 0;
    const isBurst = positionMs > burst.fromMs && service === burst.service;
    const line = logLine(random, { positionMs, service, isBurst });
    text += line;
    written += line.length;
    if (text.length >= CHUNK_CHARACTERS) {
      yield Buffer.from(text);
      text = "";
    }
  }
  yield Buffer.from(text);
}

function weightedServices(): number[] {
  const weights = SERVICES.map((_, index) => (index + 1) ** -1.05);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.flatMap((weight, index) =>
    new Array<number>(Math.round((weight / total) * 8192)).fill(index),
  );
}

function logLine(
  random: () => number,
  at: { readonly positionMs: number; readonly service: number; readonly isBurst: boolean },
): string {
  const pick = (choices: readonly string[]) => choices[Math.floor(random() * choices.length)] ?? "";
  const order = random();
  const lateMs = order < 0.05 ? random() * 8000 : order < 0.15 ? random() * 500 : 0;
  const timeMs = START_MS + Math.max(0, Math.floor(at.positionMs) - Math.floor(lateMs));
  const chance = random();
  const level = at.isBurst
    ? chance < 0.5
      ? "ERROR"
      : chance < 0.52
        ? "FATAL"
        : "INFO"
    : chance < 0.9
      ? "INFO"
      : chance < 0.96
        ? "WARN"
        : chance < 0.9985
          ? "ERROR"
          : "FATAL";
  const isFailure = level === "ERROR" || level === "FATAL";
  const id = Math.floor(random() * 1_000_000);
  const status = isFailure ? 500 : random() < 0.03 ? 404 : 200;
  const trace = Math.floor(random() * 2 ** 32).toString(16);
  const path = pick(PATHS).replace("#", String(id));
  const ending = pick(isFailure ? FAILURES : ENDINGS);
  const oddity = random() < 0.03 ? pick(ODDITIES).replace("#", String(id)) : "";
  const message =
    `${pick(METHODS)} ${path} ${status} req=${id.toString(16).padStart(6, "0")}${trace.padStart(8, "0")} ` +
    `client=10.${Math.floor(random() * 255)}.${Math.floor(random() * 255)}.7 ${ending}${oddity}`;
  // Log-normal: the sum of twelve uniform numbers is nearly normal with variance 1.
  let normal = -6;
  for (let part = 0; part < 12; part++) normal += random();
  const duration = (5 + ((at.service * 7) % 60)) * Math.exp(0.9 * normal);
  return (
    `{"timestamp":"${new Date(timeMs).toISOString()}","service":"${SERVICES[at.service] ?? ""}","level":"${level}",` +
    `"message":"${message}","duration":${Math.round(duration * 100) / 100},"region":"eu-west-1"}\n`
  );
}
