import { readFileSync } from "node:fs";
import { join } from "node:path";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { decodeOtlpJson, decodeOtlpProtobuf } from "../../../../aggregator/sources/otlp-decode.ts";

const file = join(import.meta.dirname, "../../../../aggregator/sources/otlp.proto");
const request = protobuf
  .parse(readFileSync(file, "utf8"))
  .root.lookupType("ExportLogsServiceRequest");

// A double holds it: the encoder of this test knows no longer integers.
const TIME = "1790000000123456768";
const sample = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              ...{ timeUnixNano: TIME, observedTimeUnixNano: "5", severityNumber: 17 },
              ...{ severityText: "ERR", body: { stringValue: "no" } },
              attributes: [
                { key: "ok", value: { boolValue: true } },
                { key: "int", value: { intValue: "-7" } },
                { key: "double", value: { doubleValue: 1.5 } },
                { key: "list", value: { arrayValue: { values: [{ stringValue: "a" }] } } },
                {
                  key: "map",
                  value: { kvlistValue: { values: [{ key: "b", value: { intValue: "1" } }] } },
                },
                { key: "__proto__", value: { stringValue: "plain" } },
              ],
            },
            { body: { kvlistValue: { values: [] } } },
          ],
        },
      ],
    },
  ],
};

const expected = [
  {
    attributes: { "service.name": "shop" },
    records: [
      {
        ...{ timeUnixNano: BigInt(TIME), observedTimeUnixNano: 5n, severityNumber: 17 },
        ...{ severityText: "ERR", body: "no" },
        attributes: {
          ...{ ok: true, int: -7, double: 1.5, list: ["a"], map: { b: 1 } },
          ["__proto__"]: "plain",
        },
      },
      {
        ...{ timeUnixNano: 0n, observedTimeUnixNano: 0n, severityNumber: 0, severityText: "" },
        ...{ body: {}, attributes: {} },
      },
    ],
  },
];

const bytes = Buffer.from(request.encode(request.fromObject(sample)).finish());

describe("a request of OpenTelemetry", () => {
  it("says the same as protobuf, by an encoder of its definition, and as JSON", () => {
    expect(decodeOtlpProtobuf(bytes)).toEqual(expected);
    expect(decodeOtlpJson(Buffer.from(JSON.stringify(sample)))).toEqual(expected);
  });

  it("may hold fields that are not known", () => {
    const unknown = Buffer.from([0xf8, 0x01, 0x05]);
    expect(decodeOtlpProtobuf(Buffer.concat([bytes, unknown]))).toEqual(expected);
    const text = JSON.stringify({ ...sample, more: 1 });
    expect(decodeOtlpJson(Buffer.from(text))).toEqual(expected);
  });

  it("that is cut or no such request says what is wrong, and never throws", () => {
    for (let length = 1; length < bytes.length; length++) {
      const decoded = decodeOtlpProtobuf(bytes.subarray(0, length));
      expect(typeof decoded, `cut at ${length}`).toBe("string");
    }
    expect(decodeOtlpJson(Buffer.from("{"))).toMatch(/JSON/);
    expect(decodeOtlpJson(Buffer.from('{"resourceLogs":5}'))).toMatch(/resourceLogs/);
    expect(decodeOtlpJson(Buffer.from('{"resourceLogs":[]}'))).toEqual([]);
  });
});
