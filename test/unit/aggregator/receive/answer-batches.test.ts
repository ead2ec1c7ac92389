import { describe, expect, it } from "vitest";
import {
  answerBatches,
  THROTTLE_BEHIND_MS,
} from "../../../../aggregator/receive/answer-batches.ts";
import { DIGEST_NONE } from "../../../../shared/protocol/batch.ts";
import { EPOCH, sampleChain, sampleEnvelope } from "./sample-batches.ts";

const envelope = sampleEnvelope(sampleChain(2));
const answered = { logId: "log-a", selectors: { revision: "", selectors: [] } };
const mark = { epoch: EPOCH, sequence: 2, digest: "aa".repeat(16) };

describe("the answer to batches", () => {
  it("says what is durable and what is committed", () => {
    const outcomes = [
      { sequence: 1, outcome: "duplicate" as const },
      { sequence: 2, outcome: "applied" as const },
    ];
    expect(answerBatches(envelope, { mark, outcomes }, answered)).toEqual({
      answer: {
        accepted: 2,
        applied: 2,
        appliedDigest: mark.digest,
        outcomes,
        throttleMs: 0,
        logId: "log-a",
      },
    });
  });

  it("says that nothing is committed yet, and to slow down, while there is no verdict", () => {
    expect(answerBatches(envelope, undefined, answered)).toMatchObject({
      answer: {
        accepted: 2,
        applied: 0,
        appliedDigest: DIGEST_NONE,
        throttleMs: THROTTLE_BEHIND_MS,
      },
    });
  });

  it("hands selectors out to whoever has others and can read them", () => {
    const selectors = { revision: "ab", selectors: [] };
    const answer = (changes: Partial<typeof envelope>) =>
      answerBatches({ ...envelope, ...changes }, undefined, { logId: "log-a", selectors });
    expect(answer({ selectorRevision: "cd" })).toMatchObject({ answer: { selectors } });
    for (const changes of [{ selectorRevision: "ab" }, { version: 1 }]) {
      expect(answer(changes)).toMatchObject({ answer: { accepted: 2 } });
      expect(answer(changes)).not.toHaveProperty("answer.selectors");
    }
  });

  it("refuses what diverged with the mark, and what is fenced for good", () => {
    const diverged = [{ sequence: 1, outcome: "diverged" as const }];
    expect(answerBatches(envelope, { mark, outcomes: diverged }, answered)).toMatchObject({
      refusal: { status: 409, code: "diverged", sequence: 1, mark },
    });
    const fenced = [{ sequence: 1, outcome: "fenced" as const }];
    expect(answerBatches(envelope, { mark, outcomes: fenced }, answered)).toMatchObject({
      refusal: { status: 410, code: "fenced" },
    });
  });
});
