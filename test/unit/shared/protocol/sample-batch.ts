import { type Batch, DIGEST_NONE } from "../../../../shared/protocol/batch.ts";

/** The first batch of an agent, which says nothing. */
export const EMPTY_BATCH: Batch = {
  agent: "web-1",
  epoch: "00112233445566778899aabbccddeeff",
  sequence: 1,
  previousDigest: DIGEST_NONE,
  sealedAtMs: 0,
  deltas: [],
  checkpoints: [],
  sources: [],
  ledger: [],
  tombstone: undefined,
  events: [],
  holes: [],
  selectorRevision: "",
};
