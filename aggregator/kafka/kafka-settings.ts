import { z } from "zod";
import { secret } from "../../shared/config/secret.ts";
import { duration } from "../../shared/config/units.ts";

/** Keys of a configuration that say how to reach Kafka; spread into the schema of a sink or source. */
export const kafkaSettings = {
  brokers: z
    .array(
      z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):\d{1,5}$/, {
        error: "expected HOST:PORT such as 127.0.0.1:9092",
      }),
    )
    .min(1)
    .meta({
      description: "Brokers to begin with; the others are learnt from them.",
      examples: [["127.0.0.1:9092"]],
    }),
  tls: z
    .boolean()
    .prefault(false)
    .meta({ description: "Speaks TLS, with the certificate authorities of this machine." }),
  sasl: z
    .strictObject({
      mechanism: z
        .enum(["plain", "scram-sha-256", "scram-sha-512"])
        .meta({ description: "How the password is proven." }),
      username: z.string().min(1).meta({ description: "Name to log in as." }),
      password: secret("Password of that name."),
    })
    .optional()
    .meta({ description: "Login by name and password." }),
  connect_timeout: duration({ min: "100ms", max: "1m" })
    .prefault("5s")
    .meta({ description: "Longest wait for a connection." }),
  request_timeout: duration({ min: "1s", max: "5m" })
    .prefault("30s")
    .meta({ description: "Longest wait for the answer to one request." }),
};

/** How Kafka is reached, as a checked configuration says it. */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  readonly tls: boolean;
  readonly sasl?:
    | {
        readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
        readonly username: string;
        readonly password: string;
      }
    | undefined;
  /** Milliseconds. */
  readonly connect_timeout: number;
  /** Milliseconds. */
  readonly request_timeout: number;
}
