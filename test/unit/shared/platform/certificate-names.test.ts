import { expect, it } from "vitest";
import { dnsNamesOf } from "../../../../shared/platform/certificate-names.ts";

it.each([
  ["", []],
  ["DNS:web-1", ["web-1"]],
  ["DNS:web-1, IP Address:127.0.0.1, DNS:web-2.example.org", ["web-1", "web-2.example.org"]],
  ["URI:http://a/?DNS:web-9, DNS:web-1", ["web-1"]],
  ['URI:"http://a/, DNS:web-9", DNS:web-1', ["web-1"]],
  ['DNS:"web-8, DNS:web-9", email:a@b', []],
  ['othername:"x\\", DNS:web-9", DNS:web-1', ["web-1"]],
  ['DNS:web-1, "DNS:web-9', []],
])("%s names %j", (text, names) => {
  expect(dnsNamesOf(text)).toEqual(names);
});
