import type { BatchesAnswer } from "../../shared/protocol/answers.ts";
import { DIGEST_NONE, type Envelope } from "../../shared/protocol/batch.ts";
import type { Refusal } from "../../shared/protocol/http-answer.ts";
import { type AnswerParts, fencedRefusal, newSelectors } from "./hello.ts";
import type { Verdict } from "./intake.ts";

/** Wait that is asked of agents while stage 1 is behind. */
export const THROTTLE_BEHIND_MS = 1_000;

/** The answer to records that are durable in the log, or the refusal that stage 1's verdict is. */
export type BatchesResult = { readonly answer: BatchesAnswer } | { readonly refusal: Refusal };

/** Puts stage 1's verdict into an answer; `verdict` is undefined while it is not known. */
export function answerBatches(
  envelope: Envelope,
  verdict: Verdict | undefined,
  { logId, selectors }: AnswerParts,
): BatchesResult {
  const revision = envelope.version === 1 ? undefined : envelope.selectorRevision;
  const accepted = envelope.records.at(-1)?.sequence ?? 0;
  const mark = verdict?.mark;
  const fenced = verdict?.outcomes.find(({ outcome }) => outcome === "fenced");
  if (fenced !== undefined) return { refusal: fencedRefusal(envelope, mark) };
  const diverged = verdict?.outcomes.find(({ outcome }) => outcome === "diverged");
  if (diverged !== undefined) {
    return {
      refusal: {
        status: 409,
        code: "diverged",
        sequence: diverged.sequence,
        detail:
          `Record ${diverged.sequence} does not continue what is held of agent ${JSON.stringify(envelope.agent)}` +
          `${mark === undefined ? "" : ` (up to record ${mark.sequence})`}. Say hello to go on from the checkpoints held here.`,
        mark,
      },
    };
  }
  return {
    answer: {
      accepted,
      applied: mark?.epoch === envelope.epoch ? mark.sequence : 0,
      appliedDigest: mark?.epoch === envelope.epoch ? mark.digest : DIGEST_NONE,
      outcomes: verdict?.outcomes ?? [],
      throttleMs: verdict === undefined ? THROTTLE_BEHIND_MS : 0,
      logId,
      ...newSelectors(selectors, revision),
    },
  };
}
