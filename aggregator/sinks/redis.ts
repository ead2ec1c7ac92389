import type { RedisClientType } from "redis";
import { z } from "zod";
import { secret } from "../../shared/config/secret.ts";
import { duration } from "../../shared/config/units.ts";
import { TailraceError } from "../../shared/errors.ts";
import { STREAM_DEFAULT } from "../../shared/protocol/batch.ts";
import {
  type Batching,
  defineSink,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WindowResult,
  type WriteContext,
  type WriteReport,
} from "./sink.ts";

/** Whoever looks there wants to see what is going on now: a line is to be there within two seconds, its agent's second included. */
const BATCHING: Batching = { batch_count: 100, flush_interval: "500ms" };

/**
 * Keeps the newest metrics of each 5-minute window as a field `SERVICE:WINDOW_END` of one hash. Beside it stands a sorted set of the same
 * fields by the end of their window, since fields of a hash do not expire everywhere: what is older than `retention` (measured from the
 * watermark) leaves both. One script per batch compares revisions, so that an old write never wins and a repeated one changes nothing.
 */
export const sink = defineSink({
  summary: "Keeps the newest metrics of every service in a Redis hash.",
  delivery: "idempotent",
  windowMinutes: 5,
  config: z.strictObject({
    ...sinkSettings("redis", BATCHING),
    url: secret("Address of the server; it may hold a name and a password.", {
      examples: ["redis://127.0.0.1:6379/0"],
    }).refine((text) => /^rediss?:\/\/\S+$/.test(text), {
      error: "expected an address such as redis://127.0.0.1:6379/0",
    }),
    key: z
      .string()
      .min(1)
      .prefault("service_metrics")
      .meta({ description: "Name of the hash; the sorted set is named {KEY}:by_time." }),
    stream: z
      .string()
      .min(1)
      .prefault(STREAM_DEFAULT)
      .meta({ description: "Only windows of this stream are written." }),
    retention: duration({ min: "10m", max: "3650d" })
      .prefault("24h")
      .meta({ description: "Older windows leave the hash; measured from the watermark." }),
    connect_timeout: duration({ min: "100ms", max: "1m" })
      .prefault("5s")
      .meta({ description: "Longest wait for a connection." }),
  }),
  open: async (config, context) => new RedisSink(config, context),
});

// KEYS: the hash, the sorted set. ARGV: the latest windowEnd to drop (ms), then field, revision, windowEnd (ms), JSON of each window.
const WRITE_SCRIPT = `
local drop_until = tonumber(ARGV[1])
for at = 2, #ARGV, 4 do
  local field, revision, window_end = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if window_end > drop_until then
    local held_revision = -1
    local held = redis.call('HGET', KEYS[1], field)
    if held then
      local is_json, decoded = pcall(cjson.decode, held)
      if is_json and type(decoded) == 'table' and type(decoded.revision) == 'number' then
        held_revision = decoded.revision
      end
    end
    if revision >= held_revision then
      redis.call('HSET', KEYS[1], field, ARGV[at + 3])
      redis.call('ZADD', KEYS[2], window_end, field)
    end
  end
end
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', drop_until, 'LIMIT', 0, 1000)
for _, field in ipairs(old) do
  redis.call('HDEL', KEYS[1], field)
  redis.call('ZREM', KEYS[2], field)
end
return #old
`;

interface RedisSettings {
  readonly url: string;
  readonly key: string;
  readonly stream: string;
  readonly retention: number;
  readonly connect_timeout: number;
}

/** A replica that takes over may lack the last second or so; a restarted server what it had not saved. A minute costs little to write again. */
const LOST_MS = 60_000;

class RedisSink implements Sink {
  /** The server itself knows what it holds. */
  readonly position = undefined;
  /** Tells a server from the one that took its place; undefined before the first, and where nobody may ask. */
  #runId: string | undefined;
  #isReplaced = false;
  readonly #settings: RedisSettings;
  readonly #context: SinkContext;
  #client: RedisClientType | undefined;

  constructor(settings: RedisSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async write(results: readonly WindowResult[], context: WriteContext): Promise<WriteReport> {
    const { key, stream, retention } = this.#settings;
    const dropUntilMs = context.watermarkMs === undefined ? 0 : context.watermarkMs - retention;
    const list: string[] = [String(dropUntilMs)];
    let ignoredCount = 0;
    for (const result of results) {
      // A field is a whole service.
      if (result.stream !== stream || result.dimensions !== undefined) {
        ignoredCount++;
        continue;
      }
      const field = `${result.service}:${new Date(result.windowEndMs).toISOString()}`;
      list.push(field, String(result.revision), String(result.windowEndMs), result.json);
    }
    if (list.length === 1) return { failures: [], ignoredCount };
    const stop = () => this.#disconnect();
    context.signal.addEventListener("abort", stop, { once: true });
    try {
      const client = await this.#connected();
      // The braces make both keys live in one slot of a cluster: the tag {KEY} hashes as KEY does.
      await client.eval(WRITE_SCRIPT, { keys: [key, `{${key}}:by_time`], arguments: list });
    } catch (cause) {
      this.#disconnect();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new TailraceError("SINK_FAILED", `Redis did not take the windows: ${reason}`, {
        cause,
        facts: { sink: this.#context.name },
      });
    } finally {
      context.signal.removeEventListener("abort", stop);
    }
    const lostMs = this.#isReplaced ? LOST_MS : undefined;
    this.#isReplaced = false;
    return { failures: [], ignoredCount, lostMs };
  }

  async close(): Promise<void> {
    this.#disconnect();
  }

  async #connected(): Promise<RedisClientType> {
    if (this.#client?.isReady) return this.#client;
    this.#disconnect();
    const { createClient } = await import("redis");
    const client: RedisClientType = createClient({
      url: this.#settings.url,
      disableOfflineQueue: true,
      // Reconnecting is the delivery's part, with its own pace.
      socket: { connectTimeout: this.#settings.connect_timeout, reconnectStrategy: false },
    });
    client.on("error", (error: unknown) => {
      this.#context.logger.debug("redis connection failed", { reason: String(error) });
    });
    this.#client = client;
    await client.connect();
    const runId = await this.#runIdOf(client);
    this.#isReplaced ||= this.#runId !== undefined && runId !== undefined && runId !== this.#runId;
    this.#runId = runId ?? this.#runId;
    return client;
  }

  async #runIdOf(client: RedisClientType): Promise<string | undefined> {
    const { ErrorReply } = await import("redis");
    try {
      return /^run_id:(\w+)/m.exec(await client.info("server"))?.[1];
    } catch (error) {
      // Some servers let nobody ask; then a replacement goes unnoticed.
      if (error instanceof ErrorReply) return undefined;
      throw error;
    }
  }

  #disconnect(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client?.isOpen) client.destroy();
  }
}
