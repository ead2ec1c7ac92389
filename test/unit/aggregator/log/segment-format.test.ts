import { describe, expect, it } from "vitest";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  findFrameMark,
  framePayloadBytes,
  PAYLOAD_BYTES_MAX,
  readFrame,
  SEGMENT_HEADER_BYTES,
  writeFrame,
} from "../../../../aggregator/log/segment-format.ts";
import { frameBytes, LOG_ID, SALT } from "./segment-bytes.ts";

const LARGEST = 2 ** 48 - 1;

describe("a segment's header", () => {
  const header = { logId: LOG_ID, salt: SALT, firstPosition: LARGEST, appendedAtMsMax: LARGEST };

  it("is read as it was written", () => {
    expect(decodeSegmentHeader(encodeSegmentHeader(header))).toEqual(header);
  });

  it("is torn when a byte is missing or a bit is wrong", () => {
    const bytes = encodeSegmentHeader(header);
    for (let length = 0; length < SEGMENT_HEADER_BYTES; length++) {
      expect(decodeSegmentHeader(bytes.subarray(0, length))).toBe("torn");
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const harmed = Buffer.from(bytes);
      harmed[bit >> 3] = (harmed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeSegmentHeader(harmed), `bit ${bit}`).toBe("torn");
    }
  });

  it("stays as version 1 wrote it", () => {
    const bytes = encodeSegmentHeader({ ...header, firstPosition: 42, appendedAtMsMax: 1_000 });
    expect(bytes.toString("hex")).toBe(
      "7461696c726c6f67010000000000000000112233445566778899aabbccddeeff" +
        "70696e636873616c2a00000000000000e80300000000000000000000cfadc454",
    );
  });
});

describe("a frame", () => {
  it("is read as it was written", () => {
    const bytes = frameBytes({ position: LARGEST - 1_000, payload: "payload", syncedBytes: 99 });
    const frame = readFrame(bytes, 0, SALT);
    expect(frame).toEqual({
      kind: "record",
      position: LARGEST - 1_000,
      appendedAtMs: LARGEST,
      syncedBytes: 99,
      payloadOffset: 32,
      payloadBytes: 7,
    });
    expect(readFrame(frameBytes({ kind: "end", position: 3 }), 0, SALT)?.kind).toBe("end");
  });

  it("is none when a byte is missing, a bit is wrong or the salt is another segment's", () => {
    const bytes = frameBytes({ position: 7, payload: "payload" });
    for (let length = 0; length < bytes.length; length++) {
      expect(readFrame(bytes.subarray(0, length), 0, SALT)).toBeUndefined();
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const harmed = Buffer.from(bytes);
      harmed[bit >> 3] = (harmed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readFrame(harmed, 0, SALT), `bit ${bit}`).toBeUndefined();
    }
    expect(readFrame(bytes, 0, Buffer.from("othersal"))).toBeUndefined();
  });

  it("stays as version 1 wrote it", () => {
    const bytes = frameBytes({ position: 7, payload: "abc", syncedBytes: 64 });
    expect(bytes.toString("hex")).toBe(
      "9e544c66e86d684b03000000400000000700000000000100ef03000000000000616263",
    );
  });

  it("announces no length beyond the limit, and none is written", () => {
    const bytes = frameBytes({ position: 7, payload: "abc" });
    expect(framePayloadBytes(bytes, 0)).toBe(3);
    bytes.writeUInt32LE(PAYLOAD_BYTES_MAX + 1, 8);
    expect(framePayloadBytes(bytes, 0)).toBeUndefined();
    const payload = Buffer.alloc(PAYLOAD_BYTES_MAX + 1);
    const frame = {
      kind: "record",
      position: 0,
      appendedAtMs: 0,
      syncedBytes: 0,
      payload,
    } as const;
    expect(() => writeFrame(Buffer.alloc(0), 0, frame, SALT)).toThrow("8 MiB");
  });

  it("is found by its mark", () => {
    const bytes = Buffer.concat([Buffer.alloc(5), frameBytes({ position: 1 }), Buffer.alloc(5)]);
    expect(findFrameMark(bytes, 0)).toBe(5);
    expect(findFrameMark(bytes, 5)).toBe(5);
    expect(findFrameMark(bytes, 6)).toBeUndefined();
  });
});
