import { beforeEach, describe, expect, it } from "vitest";
import type { Refused } from "../../../../agent/ship/read-answer.ts";
import { Shipper } from "../../../../agent/ship/ship.ts";
import { present } from "../../../../shared/assert.ts";
import type { BatchesAnswer } from "../../../../shared/protocol/answers.ts";

const A = "http://a:7400";
const B = "http://b:7400";
let random = 1;
let ship: Shipper;

function begin(endpoints: readonly string[] = [A], lastSequence = 3): void {
  random = 1;
  ship = new Shipper({ endpoints, requestBytesMax: 1000, random: () => random });
  ship.begin({ epoch: "e1", logId: "log", firstSequence: 1, lastSequence });
}
beforeEach(() => begin());

const records = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => ({
    sequence: from + at,
    digest: `d${from + at}`,
  }));
const ok = (applied: number, changes: Partial<BatchesAnswer> = {}) =>
  ({
    kind: "accepted",
    answer: {
      accepted: applied,
      applied,
      appliedDigest: `d${applied}`,
      outcomes: [],
      throttleMs: 0,
      logId: "log",
      ...changes,
    },
  }) as const;
const refused = (code: string | undefined, changes: Partial<Refused> = {}): Refused => ({
  kind: "refused",
  status: 400,
  code,
  detail: "because",
  sequence: undefined,
  holder: undefined,
  retryAfterMs: 0,
  ...changes,
});
const welcome = (logId = "log") =>
  ({
    kind: "welcome",
    answer: { logId, known: true, mark: undefined, checkpoints: [], ledger: [] },
  }) as const;
const answered = (
  from: number,
  to: number,
  result: ReturnType<typeof ok> | Refused,
  nowMs = 0,
  endpoint = A,
) => ship.batchesAnswered(endpoint, records(from, to), result, nowMs);

describe("shipping", () => {
  it("sends at once, from the first record that is not accepted, until all are", () => {
    expect(ship.next(0)).toEqual({ kind: "send", endpoint: A, from: 1, bytesMax: 1000 });
    answered(1, 2, ok(2));
    expect({
      accepted: ship.accepted,
      applied: ship.applied,
      waits: ship.hasUnacknowledged,
    }).toEqual({ accepted: 2, applied: 2, waits: true });
    expect(ship.next(0)).toMatchObject({ kind: "send", from: 3 });
    answered(3, 3, ok(3));
    expect(ship.hasUnacknowledged).toBe(false);
    expect(ship.next(0)).toEqual({ kind: "wait", untilMs: Number.POSITIVE_INFINITY });
    ship.sealed(4);
    expect(ship.next(0)).toMatchObject({ kind: "send", from: 4 });
  });

  it("sends the next records when the last are accepted, and deletes when they are applied", () => {
    answered(1, 3, ok(1, { accepted: 3 }));
    expect({ accepted: ship.accepted, applied: ship.applied }).toEqual({ accepted: 3, applied: 1 });
    ship.sealed(4);
    answered(4, 4, ok(4));
    expect(ship.applied).toBe(4);
  });

  it("sends the same again after an answer was lost, and takes duplicates as good", () => {
    answered(1, 3, refused(undefined, { status: 0 }));
    expect(ship.next(250)).toMatchObject({ kind: "send", from: 1 });
    answered(1, 3, ok(3, { outcomes: [{ sequence: 3, outcome: "duplicate" }] }), 250);
    expect(ship.applied).toBe(3);
  });

  it("is not moved back by an old answer", () => {
    answered(1, 3, ok(3));
    answered(1, 1, ok(1));
    expect({ accepted: ship.accepted, applied: ship.applied }).toEqual({ accepted: 3, applied: 3 });
  });

  it("backs off after failures, without a limit on their number, and starts anew after a success", () => {
    for (const waitMs of [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      answered(1, 1, refused(undefined, { status: 500 }));
      expect(ship.next(waitMs - 1)).toEqual({ kind: "wait", untilMs: waitMs });
      expect(ship.next(waitMs)).toMatchObject({ kind: "send", from: 1 });
    }
    answered(1, 1, ok(1));
    answered(2, 2, refused(undefined));
    expect(ship.next(0)).toEqual({ kind: "wait", untilMs: 250 });
  });

  it("NET-05 waits at least as long as it is told, by a refusal or by a throttle", () => {
    answered(1, 1, refused("overloaded", { status: 503, retryAfterMs: 7000 }), 100);
    expect(ship.next(100)).toEqual({ kind: "wait", untilMs: 7100 });
    answered(1, 1, ok(1, { throttleMs: 900 }), 8000);
    expect(ship.next(8000)).toEqual({ kind: "wait", untilMs: 8900 });
  });

  it.each([["unreadable_body"], ["unknown_version"], ["forbidden"], ["log_full"], [undefined]])(
    "tries again with the same records after %s, and says so",
    (code) => {
      const [effect] = answered(1, 3, refused(code));
      expect(effect).toMatchObject({ severity: "warn", endpoint: A, detail: "because" });
      expect(ship.next(250)).toMatchObject({ kind: "send", from: 1 });
    },
  );

  it("takes a success that accepts less than was sent for a failure", () => {
    answered(1, 3, ok(2));
    expect(ship.accepted).toBe(0);
    expect(ship.next(0)).toEqual({ kind: "wait", untilMs: 250 });
  });

  it("sends fewer records at a time when a request was too large, but never gives up on one alone", () => {
    answered(1, 3, refused("body_too_large", { status: 413 }));
    expect(ship.next(0)).toMatchObject({ kind: "send", from: 1, bytesMax: 500 });
    answered(1, 1, refused("body_too_large", { status: 413 }));
    expect(ship.next(250)).toMatchObject({ kind: "send", bytesMax: 500 });
  });
});

describe("several endpoints", () => {
  beforeEach(() => begin([A, B]));

  it("are taken in turn after failures, and stayed with after a success", () => {
    expect(ship.next(0)).toMatchObject({ endpoint: A });
    answered(1, 1, refused(undefined), 0, A);
    expect(ship.next(250)).toMatchObject({ endpoint: B });
    answered(1, 1, ok(1), 250, B);
    expect(ship.next(250)).toMatchObject({ endpoint: B, from: 2 });
  });

  it.each([
    ["by a refusal", refused("wrong_log", { status: 409 })],
    ["by another log in a success", ok(3, { logId: "other" })],
  ])(
    "that lead to another log, told %s, are left out, loudly, and count for nothing",
    (_, result) => {
      const [effect] = answered(1, 3, result);
      expect(effect).toMatchObject({
        severity: "error",
        endpoint: A,
        message: expect.stringContaining("--adopt-log"),
      });
      expect(ship.accepted).toBe(0);
      expect(ship.next(0)).toMatchObject({ kind: "send", endpoint: B });
      answered(1, 1, refused(undefined), 0, B);
      expect(ship.next(250)).toMatchObject({ endpoint: B });
    },
  );

  it("are all looked at again after a while when every one leads elsewhere", () => {
    answered(1, 3, refused("wrong_log"), 0, A);
    answered(1, 3, refused("wrong_log"), 0, B);
    expect(ship.next(0)).toEqual({ kind: "wait", untilMs: 30_000 });
    expect(ship.next(30_000)).toMatchObject({ kind: "send" });
  });
});

describe("a divergence", () => {
  it.each([
    ["a refusal", refused("diverged", { status: 409 })],
    ["an outcome", ok(1, { accepted: 3, outcomes: [{ sequence: 2, outcome: "diverged" }] })],
    ["another digest of a record", ok(3, { appliedDigest: "other" })],
    ["more records than were ever sealed", ok(9, { appliedDigest: "d9" })],
  ])("told by %s leads to a hello, never to a deletion", (_, result) => {
    answered(1, 3, result);
    expect(ship.applied).toBe(0);
    expect(ship.next(0)).toMatchObject({ kind: "hello", endpoint: A, isFresh: false });
  });

  it("ends when the new epoch has begun", () => {
    answered(1, 3, refused("diverged"));
    ship.helloAnswered(A, welcome(), 0);
    expect(ship.mode).toBe("recovering");
    expect(ship.next(0)).toMatchObject({ kind: "wait" });
    ship.sealed(8);
    ship.begin({ epoch: "e1", logId: "log", firstSequence: 1, lastSequence: 2 });
    expect(ship.next(0)).toMatchObject({ kind: "send", from: 1 });
    answered(1, 2, ok(2));
    expect(ship.hasUnacknowledged).toBe(false);
  });

  it("is asked about again when the recovery failed", () => {
    answered(1, 3, refused("diverged"));
    ship.helloAnswered(A, welcome(), 0);
    ship.sayHelloAgain();
    expect(ship.next(0)).toMatchObject({ kind: "hello" });
  });

  it("makes late answers to what was sent before harmless", () => {
    answered(1, 3, refused("diverged"));
    expect(answered(1, 3, ok(3))).toEqual([]);
    expect(ship.applied).toBe(0);
    ship.helloAnswered(A, welcome(), 0);
    expect(ship.helloAnswered(A, welcome("other"), 0)).toEqual([]);
    expect(ship.mode).toBe("recovering");
  });
});

describe("a hello", () => {
  it("binds to any log when none is known, and to no other when one is", () => {
    ship = new Shipper({ endpoints: [A, B], requestBytesMax: 1, random: () => 1 });
    ship.sayHello(undefined);
    ship.helloAnswered(A, welcome("any"), 0);
    expect(ship.mode).toBe("recovering");
    ship.sayHello("mine");
    ship.helloAnswered(A, welcome("other"), 0);
    expect(ship.next(0)).toMatchObject({ kind: "hello", endpoint: B, isFresh: false });
  });

  it("refused because the id is in use is repeated, and says what to do", () => {
    ship.sayHello("log");
    const [effect] = ship.helloAnswered(A, refused("id_in_use", { status: 409 }), 0);
    expect(effect?.message).toMatch(/id of its own.*--takeover/);
    expect(ship.next(0)).toMatchObject({ kind: "wait" });
    expect(ship.next(250)).toMatchObject({ kind: "hello" });
  });
});

describe("a fence", () => {
  const fencings = [
    ["a refusal", refused("fenced", { status: 410 })],
    ["an outcome", ok(1, { accepted: 3, outcomes: [{ sequence: 2, outcome: "fenced" }] })],
  ] as const;

  it.each(fencings)("told by %s silences a spool that had the name", (_, result) => {
    answered(1, 1, ok(1));
    const [effect] = answered(2, 3, result);
    expect(effect?.severity).toBe("error");
    expect(ship.mode).toBe("fenced");
    ship.sealed(9);
    ship.sayHello("log");
    ship.begin({ epoch: "e1", logId: "log", firstSequence: 1, lastSequence: 9 });
    expect(ship.next(59_999)).toEqual({ kind: "wait", untilMs: 60_000 });
  });

  it("lasts as long as the other spool is there: the name is asked for patiently, minute by minute", () => {
    answered(1, 1, ok(1));
    answered(2, 3, refused("fenced"), 1_000);
    const asks = { kind: "hello", endpoint: A, isFresh: true, isPatient: true };
    expect(ship.next(61_000)).toEqual(asks);
    ship.drewEpoch();
    for (const [code, atMs] of [
      ["id_in_use", 61_000],
      [undefined, 121_000],
      ["fenced", 181_000],
    ] as const) {
      expect(ship.next(atMs)).toMatchObject({ kind: "hello", isFresh: false, isPatient: true });
      expect(ship.helloAnswered(A, refused(code), atMs)).toEqual([]);
      expect(ship.mode).toBe("fenced");
      expect(ship.next(atMs + 59_999)).toEqual({ kind: "wait", untilMs: atMs + 60_000 });
    }
    // That epoch was fenced off, too.
    expect(ship.next(241_000)).toEqual(asks);
    ship.drewEpoch();
    const [effect] = ship.helloAnswered(A, welcome(), 241_000);
    expect(effect?.message).toContain("this one goes on");
    expect(ship.mode).toBe("recovering");
    ship.begin({ epoch: "e9", logId: "log", firstSequence: 1, lastSequence: 1 });
    expect(ship.next(241_000)).toMatchObject({ kind: "send", from: 1 });
  });

  it("at the first word of a run makes the spool ask once, with an epoch that was never used", () => {
    answered(1, 3, refused("fenced"));
    const asks = { kind: "hello", endpoint: A, isPatient: false };
    expect(ship.next(0)).toEqual({ ...asks, isFresh: true });
    ship.drewEpoch();
    expect(ship.next(0)).toEqual({ ...asks, isFresh: false });
    ship.helloAnswered(A, refused("fenced"), 0);
    expect(ship.mode).toBe("fenced");
  });

  it("told after records were accepted, but none applied, is still the first word", () => {
    answered(1, 2, ok(0, { accepted: 2 }));
    answered(3, 3, refused("fenced"));
    expect(ship.next(0)).toMatchObject({ kind: "hello", isFresh: true });
  });

  it("in favour of an earlier epoch of the same run makes the spool ask again, with a new one", () => {
    answered(1, 3, ok(3));
    ship.sayHello("log");
    ship.helloAnswered(A, welcome(), 0);
    ship.begin({ epoch: "e2", logId: "log", firstSequence: 4, lastSequence: 5 });
    answered(4, 4, ok(4));
    answered(5, 5, refused("fenced", { holder: "e1" }));
    expect(ship.next(0)).toMatchObject({ kind: "hello", isFresh: true, isPatient: false });
    ship.drewEpoch();
    ship.helloAnswered(A, welcome(), 0);
    ship.begin({ epoch: "e3", logId: "log", firstSequence: 5, lastSequence: 5 });
    answered(5, 5, refused("fenced", { holder: "another's" }));
    expect(ship.mode).toBe("fenced");
  });

  it("is not believed of a proxy that answers 410", () => {
    answered(1, 3, refused(undefined, { status: 410 }));
    expect(ship.mode).toBe("sending");
  });
});

describe("a condemned record", () => {
  it("is replaced, then everything from it on is sent again", () => {
    answered(1, 3, refused("malformed_batch", { sequence: 2 }));
    expect(ship.next(0)).toEqual({ kind: "replace", sequence: 2, detail: "because" });
    ship.replaced();
    expect(ship.next(0)).toMatchObject({ kind: "send", from: 1 });
    answered(1, 3, ok(3));
    expect(ship.applied).toBe(3);
  });

  it.each([
    ["that was not in the request", { sequence: 9 }],
    ["that is not named", {}],
  ])("%s is not condemned: the request is tried again", (_, named) => {
    answered(1, 3, refused("malformed_batch", named));
    expect(ship.next(0)).toMatchObject({ kind: "wait", untilMs: 250 });
  });

  it("is not replaced a second time when its tombstone is condemned too", () => {
    answered(1, 3, refused("malformed_batch", { sequence: 2 }));
    ship.replaced();
    answered(1, 3, refused("malformed_batch", { sequence: 2 }));
    expect(ship.next(0)).toMatchObject({ kind: "wait" });
  });
});

describe("against an aggregator that loses answers, doubles requests and forgets", () => {
  it("everything sealed is applied in the end, in order and once", () => {
    for (let seed = 1; seed <= 300; seed++) {
      let state = seed;
      const choose = (limit: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
        return (state >>> 8) % limit;
      };
      begin([A, B], 0);
      const applied: number[] = [];
      let nowMs = 0;
      let sealed = 0;
      for (let step = 0; step < 400 && !(sealed === 20 && ship.applied === 20); step++) {
        if (sealed < 20 && choose(3) === 0) ship.sealed(++sealed);
        const next = ship.next(nowMs);
        if (next.kind === "wait") {
          nowMs = Number.isFinite(next.untilMs) ? next.untilMs : nowMs + 1;
          continue;
        }
        if (next.kind !== "send") throw new Error(`an unexpected ${next.kind}`);
        const sent = records(next.from, Math.min(sealed, next.from + choose(4)));
        const isReceived = choose(4) > 0;
        const take = () => {
          for (const { sequence } of sent)
            if (sequence === applied.length + 1) applied.push(sequence);
        };
        if (isReceived) take();
        if (isReceived && choose(3) === 0) take();
        const isAnswered = isReceived && choose(3) > 0;
        const last = present(applied.at(-1) ?? 0, "the last");
        const result = isAnswered
          ? ok(last, { accepted: Math.max(last, sent.at(-1)?.sequence ?? 0) })
          : refused(undefined, { status: 0 });
        ship.batchesAnswered(next.endpoint, sent, result, nowMs);
        expect(ship.applied).toBeLessThanOrEqual(applied.length);
      }
      expect(applied).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
      expect(ship.applied).toBe(20);
    }
  });
});
