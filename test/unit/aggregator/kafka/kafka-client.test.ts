import { describe, expect, it } from "vitest";
import { createKafkaClient } from "../../../../aggregator/kafka/kafka-client.ts";
import type { Logger } from "../../../../shared/log.ts";

describe("a Kafka client", () => {
  it("tells what kafkajs says as debug messages only", async () => {
    const debug: string[] = [];
    const loud = () => expect.unreachable("kafkajs said more than a debug message");
    const logger: Logger = {
      ...{ error: loud, warn: loud, info: loud },
      debug: (message) => debug.push(message),
    };
    const settings = {
      brokers: ["127.0.0.1:1"],
      tls: false,
      connect_timeout: 1,
      request_timeout: 1,
    };
    const client = await createKafkaClient(settings, "test", logger);
    client.logger().error("it did not work", { error: "why" });
    client.logger().info("it works");
    expect(debug).toEqual(["kafkajs: it did not work", "kafkajs: it works"]);
  });
});
