import { describe, expect, it } from "vitest";
import {
  noAnswer,
  readBatchesAnswer,
  readHelloAnswer,
} from "../../../../agent/ship/read-answer.ts";
import { jsonAnswer, problemAnswer } from "../../../../shared/protocol/http-answer.ts";
import { sampleCheckpoint } from "../spool/sample-spool.ts";

const accepted = {
  accepted: 5,
  applied: 4,
  appliedDigest: "d",
  outcomes: [{ sequence: 5, outcome: "applied" }],
  throttleMs: 0,
  logId: "log",
};

describe("an answer", () => {
  it("to batches is taken as it is written", () => {
    expect(readBatchesAnswer(jsonAnswer(200, accepted))).toEqual({
      kind: "accepted",
      answer: accepted,
    });
  });

  it("to a hello keeps checkpoints whose birth is unknown, and a mark that is left out", () => {
    const answer = {
      logId: "log",
      known: false,
      mark: undefined,
      checkpoints: [sampleCheckpoint({ offset: 3 })],
      ledger: [],
    };
    expect(readHelloAnswer(jsonAnswer(200, answer))).toEqual({ kind: "welcome", answer });
    const mark = { epoch: "e", sequence: 2, digest: "d" };
    expect(readHelloAnswer(jsonAnswer(200, { ...answer, mark }))).toMatchObject({
      answer: { mark },
    });
  });

  it("hands over selectors that can be used", () => {
    const selector = { stream: "s", keys: ["user"], where: ["type == 'A'"], fields: ["user"] };
    const selectors = { revision: "0bad", selectors: [selector] };
    expect(readBatchesAnswer(jsonAnswer(200, { ...accepted, selectors }))).toEqual({
      kind: "accepted",
      answer: { ...accepted, selectors },
    });
  });

  it.each([
    ["of a later version", { revision: "1", selectors: [], color: "red" }, "color"],
    ["without a revision", { selectors: [] }, "revision"],
    ["that are none at all", 7, "object"],
  ])("with selectors %s is taken without them, and tells why", (_, selectors, why) => {
    const read = readBatchesAnswer(jsonAnswer(200, { ...accepted, selectors }));
    expect(read).toMatchObject({ kind: "accepted", answer: accepted });
    expect(read).toHaveProperty("answer.selectors", undefined);
    expect(read).toHaveProperty("selectorFault", expect.stringContaining(why));
    const hello = { logId: "log", known: false, checkpoints: [], ledger: [], selectors };
    expect(readHelloAnswer(jsonAnswer(200, hello))).toMatchObject({
      kind: "welcome",
      selectorFault: expect.stringContaining(why),
    });
  });

  it("that refuses gives its code, its reason and the record that it names", () => {
    const problem = problemAnswer({
      status: 400,
      code: "malformed_batch",
      detail: "why",
      sequence: 7,
    });
    expect(readBatchesAnswer(problem)).toEqual({
      kind: "refused",
      status: 400,
      code: "malformed_batch",
      detail: "why",
      sequence: 7,
      retryAfterMs: 0,
    });
  });

  it.each([
    [
      "a page of a proxy",
      { status: 200, headers: { "content-type": "text/html" }, body: Buffer.from("<html>") },
    ],
    ["a cut body", { status: 200, headers: {}, body: Buffer.from('{"accepted":5') }],
    ["numbers that are none", jsonAnswer(200, { ...accepted, applied: -1 })],
    ["no log", jsonAnswer(200, { ...accepted, logId: "" })],
  ])("that is %s is no success", (_, response) => {
    expect(readBatchesAnswer(response)).toMatchObject({
      kind: "refused",
      code: undefined,
      status: 200,
    });
    expect(readHelloAnswer(response)).toMatchObject({ kind: "refused", code: undefined });
  });

  it("of a proxy with a code in it is not believed: only a problem+json has codes", () => {
    const body = Buffer.from(JSON.stringify({ code: "fenced" }));
    const proxy = { status: 410, headers: { "content-type": "application/json" }, body };
    expect(readBatchesAnswer(proxy)).toMatchObject({ status: 410, code: undefined });
  });

  it("says how long to wait, in seconds or as a date by its own clock, ten minutes at most", () => {
    const wait = (headers: Record<string, string>) => {
      const read = readBatchesAnswer({ status: 503, headers, body: Buffer.alloc(0) });
      return read.kind === "refused" ? read.retryAfterMs : undefined;
    };
    expect(wait({ "retry-after": "7" })).toBe(7000);
    expect(wait({ "retry-after": "86400" })).toBe(600_000);
    const date = "Fri, 20 Nov 2026 10:00:00 GMT";
    expect(wait({ "retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", date })).toBe(30_000);
    expect(wait({ "retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", date })).toBe(0);
    expect(wait({ "retry-after": "soon" })).toBe(0);
  });

  it("that never came is a refusal without a status", () => {
    expect(noAnswer("reset")).toMatchObject({ kind: "refused", status: 0, detail: "reset" });
  });
});
