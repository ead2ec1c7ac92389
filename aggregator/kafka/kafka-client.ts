import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from "kafkajs";
import type { Logger } from "../../shared/log.ts";
import { muteWarning } from "../../shared/platform/mute-warning.ts";
import type { KafkaSettings } from "./kafka-settings.ts";

/**
 * What kafkajs itself tries again, some two seconds long. Since Kafka 4 a transaction may wait some milliseconds for the end of the one
 * before, hence the short first wait. What fails for longer comes back as an error, and whoever works with Kafka begins anew.
 */
const RETRY = { initialRetryTime: 5, maxRetryTime: 500, multiplier: 2, retries: 10 } as const;

/**
 * A client of these brokers; connects nowhere yet. kafkajs' own messages go to `logger` as debug ones: it reports as errors what it then
 * tries again, and what it gives up comes back as a rejection.
 */
export async function createKafkaClient(
  settings: KafkaSettings,
  clientId: string,
  logger: Logger,
): Promise<Kafka> {
  // kafkajs 2.2.4 starts a timer with a negative time while a broker asks for no pause; Node takes it as 1 ms.
  muteWarning("TimeoutNegativeWarning");
  const { Kafka, logLevel } = await import("kafkajs");
  const config: KafkaConfig = {
    clientId,
    brokers: [...settings.brokers],
    ssl: settings.tls,
    connectionTimeout: settings.connect_timeout,
    authenticationTimeout: settings.connect_timeout,
    requestTimeout: settings.request_timeout,
    retry: RETRY,
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => forward(entry, logger),
  };
  const { sasl } = settings;
  return new Kafka(sasl === undefined ? config : { ...config, sasl: saslOptions(sasl) });
}

// One type for each mechanism, alike but for its name.
function saslOptions(sasl: NonNullable<KafkaSettings["sasl"]>): SASLOptions {
  const { mechanism, username, password } = sasl;
  if (mechanism === "plain") return { mechanism, username, password };
  if (mechanism === "scram-sha-256") return { mechanism, username, password };
  return { mechanism, username, password };
}

function forward(entry: LogEntry, logger: Logger): void {
  const { message } = entry.log;
  const reason: unknown = entry.log["error"];
  const facts = { part: entry.namespace, level: entry.label };
  logger.debug(`kafkajs: ${message}`, typeof reason === "string" ? { ...facts, reason } : facts);
}
