import { connect } from "node:net";
import fc from "fast-check";
import { compressSync } from "lz4-napi";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ENVELOPE_VERSION } from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { digestOf, sealRecord } from "../../shared/protocol/sealed-record.ts";
import {
  EPOCH,
  sampleBatch,
  sampleChain,
  sampleEnvelope,
} from "../unit/aggregator/receive/sample-batches.ts";
import { type JsonAnswer, RunningAggregator } from "./running-aggregator.ts";

const MIB = 1024 * 1024;

let aggregator: RunningAggregator;
let before: string;

beforeAll(async () => {
  aggregator = await RunningAggregator.start();
  await aggregator.hello();
  const good = await aggregator.send(sampleEnvelope(sampleChain(2)));
  expect(good.status).toBe(200);
});
afterAll(() => aggregator.remove());
beforeEach(async () => {
  before = await everythingCounted();
});

/** Windows, marks and ledgers: what a refused request must not change. */
async function everythingCounted(): Promise<string> {
  const windows = await aggregator.get("/v1/windows");
  const agents = await aggregator.get("/v1/agents");
  const counted = agents.text.replace(/"(lastSeen|lagMs)":("[^"]*"|\d+|null)/g, "");
  return windows.text + counted.replace(/"(diverged|duplicate|fenced)":(\d+|true|false)/g, "");
}

async function expectRefused(answer: JsonAnswer, status: number, code: string): Promise<void> {
  expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(`"${code}"`)]);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.body).toMatchObject({ type: "about:blank", status, code });
  expect(await everythingCounted()).toBe(before);
  expect((await aggregator.get("/healthz")).status).toBe(200);
  expect((await aggregator.get("/readyz")).status).toBe(200);
}

/** Sends bytes as they are over a socket, closes it, and resolves with what came back. */
function sendRaw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(aggregator.port, "127.0.0.1", () => socket.end(bytes));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    // Being thrown out is an answer, too.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(answer));
  });
}

describe("an aggregator that is sent what it should not", () => {
  it("refuses garbage", async () => {
    await expectRefused(await aggregator.post(Buffer.from("garbage")), 400, "unreadable_body");
    await expectRefused(await aggregator.post(Buffer.alloc(0)), 400, "unreadable_body");
  });

  it("refuses an envelope that was cut", async () => {
    const whole = encodeEnvelope(sampleEnvelope(sampleChain(3).slice(2)));
    const cut = whole.subarray(0, whole.length - 7);
    await expectRefused(await aggregator.post(cut), 400, "unreadable_body");
  });

  it("takes no notice of a body whose connection ended before it was whole", async () => {
    const whole = encodeEnvelope(sampleEnvelope(sampleChain(3).slice(2)));
    const head =
      "POST /v1/batches HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n" +
      `content-length: ${whole.length}\r\n\r\n`;
    const cut = Buffer.concat([Buffer.from(head), whole.subarray(0, whole.length - 1)]);
    expect(await sendRaw(cut)).not.toContain("200 OK");
    expect(await everythingCounted()).toBe(before);
  });

  it("refuses an LZ4 bomb, whichever of its sizes is forged", async () => {
    const bomb = compressSync(Buffer.alloc(64 * MIB));
    expect(bomb.length).toBeLessThan(MIB);
    const digest = digestOf(Buffer.from("x"));
    const record = (rawBytes: number, prefix: number) => {
      const payload = Buffer.from(bomb);
      payload.writeUInt32LE(prefix, 0);
      return sampleEnvelope([{ sequence: 3, digest, rawBytes, payload }]);
    };
    const send = (rawBytes: number, prefix: number) => aggregator.send(record(rawBytes, prefix));
    await expectRefused(await send(64 * MIB, 64 * MIB), 413, "body_too_large");
    await expectRefused(await send(1_000, 64 * MIB), 400, "unreadable_body");
    await expectRefused(await send(1_000, 1_000), 400, "unreadable_body");
    await expectRefused(await send(0xffffffff, 0xffffffff), 413, "body_too_large");
  });

  it("refuses a version that it does not know", async () => {
    const envelope = sampleEnvelope(sampleChain(3).slice(2), {
      version: ENVELOPE_VERSION + 1,
    });
    await expectRefused(await aggregator.send(envelope), 400, "unknown_version");
  });

  it("refuses records of another log", async () => {
    const envelope = sampleEnvelope(sampleChain(3).slice(2), { logId: "f".repeat(32) });
    await expectRefused(await aggregator.send(envelope), 409, "wrong_log");
  });

  it("refuses a record that does not have its digest, without condemning it", async () => {
    const [record] = sampleChain(3).slice(2);
    if (record === undefined) throw new Error("no record");
    const damaged = sampleEnvelope([{ ...record, digest: "0".repeat(32) }]);
    await expectRefused(await aggregator.send(damaged), 400, "unreadable_body");
  });

  it("condemns a record that arrived whole and holds no batch, by its sequence", async () => {
    const raw = Buffer.from("no batch");
    const bad = {
      sequence: 3,
      digest: digestOf(raw),
      rawBytes: raw.length,
      payload: compressSync(raw),
    };
    const answer = await aggregator.send(sampleEnvelope([bad]));
    expect(answer.body).toMatchObject({ sequence: 3 });
    await expectRefused(answer, 400, "malformed_batch");
  });

  it("refuses other content types, methods and paths", async () => {
    const whole = encodeEnvelope(sampleEnvelope(sampleChain(1)));
    const asJson = await aggregator.post(whole, "application/json");
    await expectRefused(asJson, 415, "unsupported_media_type");
    await expectRefused(await aggregator.get("/v1/batches"), 405, "method_not_allowed");
    await expectRefused(await aggregator.get("/v2/batches"), 404, "not_found");
  });

  it("refuses a body over the limit", async () => {
    await expectRefused(await aggregator.post(Buffer.alloc(4 * MIB + 1)), 413, "body_too_large");
    await expectRefused(await aggregator.post(Buffer.alloc(4 * MIB)), 400, "unreadable_body");
  });

  it("refuses a hello that it cannot understand", async () => {
    await expectRefused(await aggregator.hello({ epoch: "short" }), 400, "invalid_hello");
    await expectRefused(await aggregator.hello({ version: 9 }), 400, "unknown_version");
    const elsewhere = { machine: "machine-2", epoch: "e".repeat(32) };
    await expectRefused(await aggregator.hello(elsewhere), 409, "id_in_use");
  });

  it("names every parameter of a query that it cannot understand", async () => {
    const answer = await aggregator.get("/v1/windows?from=x&to=y&step=7s&limit=-1&color=red");
    await expectRefused(answer, 400, "invalid_query");
    for (const name of ["from", "to", "step", "limit", "color"]) {
      expect(answer.text).toContain(`"parameter":"${name}"`);
    }
  });

  it("survives whatever is sent to its port", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await sendRaw(Buffer.from(bytes))).not.toContain("200 OK");
      }),
      { numRuns: 60 },
    );
    expect(await everythingCounted()).toBe(before);
  });

  it("survives any damage to an envelope", async () => {
    const whole = encodeEnvelope(sampleEnvelope(sampleChain(4).slice(2), { epoch: EPOCH }));
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ change;
          const { status, body } = await aggregator.post(bytes);
          expect(body).not.toMatchObject({ code: "malformed_batch" });
          expect(status).not.toBe(500);
        },
      ),
      { numRuns: 150 },
    );
    expect((await aggregator.get("/healthz")).status).toBe(200);
  });

  // These two come last: from now on the agent has to say hello.
  it("refuses a broken chain, counts nothing of it, and says what it holds", async () => {
    await aggregator.hello({ agent: "web-2" });
    const own = { agent: "web-2" };
    const first = sampleChain(1, own);
    await aggregator.send(sampleEnvelope(first, own));
    before = await everythingCounted();
    const broken = sealRecord(sampleBatch(2, { ...own, previousDigest: "a".repeat(32) }));
    const answer = await aggregator.send(sampleEnvelope([broken], own));
    const mark = { epoch: EPOCH, sequence: 1, digest: first[0]?.digest };
    expect(answer.body).toMatchObject({ mark, sequence: 2 });
    await expectRefused(answer, 409, "diverged");
  });

  it("refuses an epoch that another spool took the name from", async () => {
    const epoch = "b".repeat(32);
    expect((await aggregator.hello({ epoch, takeover: true })).status).toBe(200);
    before = await everythingCounted();
    const late = await aggregator.send(sampleEnvelope(sampleChain(3).slice(2)));
    await expectRefused(late, 410, "fenced");
    await expectRefused(await aggregator.hello({ takeover: true }), 410, "fenced");
  });
});
