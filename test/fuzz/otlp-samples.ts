/** An export request of OTLP/HTTP as JSON. */
export const OTLP_JSON: Buffer = Buffer.from(
  JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeLogs: [
          {
            logRecords: [
              {
                ...{ timeUnixNano: "1790000000123456768", severityNumber: 17, severityText: "ERR" },
                body: { kvlistValue: { values: [{ key: "a", value: { intValue: "1" } }] } },
                attributes: [
                  { key: "list", value: { arrayValue: { values: [{ doubleValue: 1.5 }] } } },
                ],
              },
            ],
          },
        ],
      },
    ],
  }),
);
/** The same as protobuf, by hand: tag, length, content. */
export const OTLP_PROTOBUF: Buffer = field(
  1,
  Buffer.concat([
    field(1, field(1, Buffer.concat([field(1, "service.name"), field(2, field(1, "shop"))]))),
    field(
      2,
      field(
        2,
        Buffer.concat([
          Buffer.from("0940e4cf8e6d5cd718", "hex"),
          Buffer.from("1011", "hex"),
          field(3, "ERR"),
          field(5, field(6, field(1, Buffer.concat([field(1, "a"), field(2, field(1, "b"))])))),
        ]),
      ),
    ),
  ]),
);

function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.of(number * 8 + 2, bytes.length), bytes]);
}
