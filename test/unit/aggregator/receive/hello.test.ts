import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answerHello,
  decideHello,
  ID_IN_USE_MS,
  parseHello,
} from "../../../../aggregator/receive/hello.ts";
import type { AgentStanding } from "../../../../aggregator/receive/intake.ts";
import { EPOCH } from "./sample-batches.ts";

const OTHER_EPOCH = "ff".repeat(16);
const hello = { agent: "web-1", machine: "m1", epoch: EPOCH, takeover: false, version: 2 };
const standing: AgentStanding = {
  fenceNumber: 3,
  epoch: OTHER_EPOCH,
  machine: "m1",
  seenMs: 1_000_000,
};

describe("reading a hello", () => {
  it("takes what an agent sends", () => {
    for (const sent of [
      hello,
      { ...hello, version: 1 },
      { ...hello, selectorRevision: "" },
      { ...hello, selectorRevision: "0badcafe" },
    ]) {
      expect(parseHello(Buffer.from(JSON.stringify(sent)))).toEqual({ hello: sent });
    }
  });

  it.each([
    ["no JSON", "{", "unreadable_body"],
    ["no object", "[]", "invalid_hello"],
    ["an empty name", JSON.stringify({ ...hello, agent: "" }), "invalid_hello"],
    ["half a surrogate pair", JSON.stringify({ ...hello, agent: "\ud800" }), "invalid_hello"],
    ["an epoch that is none", JSON.stringify({ ...hello, epoch: "xyz" }), "invalid_hello"],
    [
      "a revision that is none",
      JSON.stringify({ ...hello, selectorRevision: "?" }),
      "invalid_hello",
    ],
    ["an unknown key", JSON.stringify({ ...hello, color: 1 }), "invalid_hello"],
    ["a newer version", JSON.stringify({ ...hello, version: 4, color: 1 }), "unknown_version"],
  ])("refuses %s", (_, text, code) => {
    expect(parseHello(Buffer.from(text))).toMatchObject({ refusal: { status: 400, code } });
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(Object.keys(parseHello(Buffer.from(text)))).toHaveLength(1);
      }),
    );
  });
});

describe("deciding about a hello", () => {
  it("makes the first fence for an agent that was never seen", () => {
    const step = decideHello(hello, undefined, 0);
    expect(step).toEqual({ fence: { number: 1, epoch: EPOCH, machine: "m1" } });
  });

  it("makes the next fence for another epoch of the same machine", () => {
    const step = decideHello(hello, standing, 1_000_001);
    expect(step).toEqual({ fence: { number: 4, epoch: EPOCH, machine: "m1" } });
  });

  it("lets the epoch that holds the name ask again, from wherever it says hello", () => {
    const own = { ...standing, epoch: EPOCH, machine: "m2" };
    expect(decideHello(hello, own, 1_000_001)).toHaveProperty("fence");
  });

  it("keeps the name for a machine that used it a moment ago, unless it is taken over", () => {
    const elsewhere = { ...standing, machine: "m2" };
    const justBefore = elsewhere.seenMs + ID_IN_USE_MS - 1;
    expect(decideHello(hello, elsewhere, justBefore)).toMatchObject({
      refusal: { status: 409, code: "id_in_use" },
    });
    expect(decideHello({ ...hello, takeover: true }, elsewhere, justBefore)).toHaveProperty(
      "fence",
    );
    expect(decideHello(hello, elsewhere, justBefore + 1)).toHaveProperty("fence");
  });

  it("gives a patient spool the name only after ten minutes of silence, whatever machine had it", () => {
    const patient = { ...hello, isPatient: true };
    const justBefore = standing.seenMs + ID_IN_USE_MS - 1;
    expect(standing.machine).toBe(hello.machine);
    expect(decideHello(hello, standing, justBefore)).toHaveProperty("fence");
    expect(decideHello(patient, standing, justBefore)).toMatchObject({
      refusal: { status: 409, code: "id_in_use" },
    });
    expect(decideHello(patient, standing, justBefore + 1)).toHaveProperty("fence");
    expect(decideHello(patient, { ...standing, epoch: EPOCH }, justBefore)).toHaveProperty("fence");
  });
});

describe("the answer to a hello", () => {
  const answered = { logId: "log-a", selectors: { revision: "ab", selectors: [] } };
  const snapshot = { known: true, mark: undefined, checkpoints: [], ledger: [] };

  it("is what was held as of the fence", () => {
    expect(answerHello(hello, { verdict: "taken", snapshot }, answered)).toEqual({
      answer: { logId: "log-a", ...snapshot },
    });
  });

  it("hands selectors out to whoever names others", () => {
    const answer = (selectorRevision: string) =>
      answerHello({ ...hello, selectorRevision }, { verdict: "taken", snapshot }, answered);
    expect(answer("")).toMatchObject({ answer: { selectors: answered.selectors } });
    expect(answer("ab")).not.toHaveProperty("answer.selectors");
  });

  it("is not there yet when another hello came first", () => {
    expect(answerHello(hello, { verdict: "lost", snapshot }, answered)).toBeUndefined();
  });

  it("is 410 for an epoch that was fenced off before", () => {
    expect(answerHello(hello, { verdict: "retired", snapshot }, answered)).toMatchObject({
      refusal: { status: 410, code: "fenced" },
    });
  });
});
