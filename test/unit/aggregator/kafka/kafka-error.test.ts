import { describe, expect, it } from "vitest";
import { kafkaErrorType, kafkaFailed } from "../../../../aggregator/kafka/kafka-error.ts";

const refusal = Object.assign(new Error("too large"), { type: "MESSAGE_TOO_LARGE" });

describe("an error of Kafka", () => {
  it("has the type that Kafka gave it, however it is wrapped", () => {
    expect(kafkaErrorType(refusal)).toBe("MESSAGE_TOO_LARGE");
    expect(kafkaErrorType(new Error("gave up", { cause: refusal }))).toBe("MESSAGE_TOO_LARGE");
    expect(kafkaErrorType(new Error("connection lost"))).toBeUndefined();
    expect(kafkaErrorType(undefined)).toBeUndefined();
  });

  it("is told apart from itself when it is its own cause", () => {
    const loop: { cause?: unknown } = {};
    loop.cause = loop;
    expect(kafkaErrorType(loop)).toBeUndefined();
  });

  it("says what was tried and why it failed", () => {
    expect(kafkaFailed("Kafka did not take it", refusal)).toMatchObject({
      code: "KAFKA_FAILED",
      retry: "later",
      message: "Kafka did not take it: too large",
      facts: { type: "MESSAGE_TOO_LARGE" },
    });
  });
});
