/** Secrets of sinks and sources: where they may come from, and that no fault shows one. */
import { expect, it } from "vitest";
import { aggregatorConfig } from "../../../aggregator/config.ts";
import { loadConfigParts } from "../../../shared/config/load.ts";
import { secretReferences } from "../../../shared/config/secret.ts";

const SINKS = [
  { type: "redis", url: "S" },
  { type: "webhook", url: "S", headers: { authorization: "S" } },
  { type: "elasticsearch", url: "http://es:9200", api_key: "S" },
  { type: "elasticsearch", url: "http://es:9200", username: "u", password: "S" },
  { type: "influxdb", url: "http://i:8086", bucket: "b", org: "o", token: "S" },
  { type: "influxdb", url: "http://i:8086", database: "d", username: "u", password: "S" },
  { type: "prometheus", url: "http://p:8428/api/v1/write", token: "S" },
  { type: "alertmanager", url: "http://a:9093", username: "u", password: "S" },
  {
    ...{ type: "kafka", brokers: ["k:9092"] },
    sasl: { mechanism: "plain", username: "u", password: "S" },
  },
];

/** A configuration of one sink, of which a text stands for every secret. */
const configOf = (sink: object, text: string): string =>
  JSON.stringify({ sinks: [{ name: "out", ...sink }] }).replaceAll('"S"', JSON.stringify(text));

const load = (text: string, value: string) =>
  loadConfigParts(
    aggregatorConfig,
    [{ file: "f.yaml", text }],
    new Map([["${SECRET}", { value }]]),
  );

it.each(SINKS)("$type takes its secrets from elsewhere: %j", (sink) => {
  const text = configOf(sink, "${SECRET}");
  expect(secretReferences(aggregatorConfig, JSON.parse(text))).toEqual(["${SECRET}"]);
  const value = sink.type === "redis" ? "redis://:p4ss@r:6379" : "https://h/hook/t0ken";
  expect(load(text, value).faults).toBeUndefined();
});

it.each(SINKS)("$type shows no secret that is wrong: %j", (sink) => {
  const faults = load(configOf(sink, "${SECRET}"), "wr0ng s3cret\n").faults ?? [];
  expect(JSON.stringify(faults)).not.toMatch(/wr0ng|s3cret/);
  if (sink.type === "redis" || sink.type === "webhook") expect(faults.length).toBeGreaterThan(0);
  const empty = load(configOf(sink, ""), "").faults ?? [];
  expect(empty.length).toBeGreaterThan(0);
});

it("a password in an address that should not be there is not shown", () => {
  const sink = { type: "influxdb", url: "http://user:p4ss@i:8086", database: "d" };
  const faults = load(configOf(sink, ""), "").faults ?? [];
  expect(faults.map(({ message }) => message).join()).toMatch(/got `http:\/\/…@i:8086`/);
  expect(JSON.stringify(faults)).not.toContain("p4ss");
});
