import { describe, expect, it } from "vitest";
import { z } from "zod";
import { aggregatorConfig } from "../../../aggregator/config.ts";
import { loadConfig } from "../../../shared/config/load.ts";

const load = (text: string) => loadConfig(aggregatorConfig, text, "aggregator.yaml");

describe("aggregator.yaml", () => {
  it("archives nothing unless asked to, and then below data_dir unless told where", () => {
    expect(load("").config?.archive).toBeUndefined();
    expect(load("{ data_dir: /d, archive: {} }").config?.archive).toEqual({
      directory: "/d/archive",
      bytesMax: 10 * 2 ** 30,
      retentionMs: 90 * 86_400_000,
      intervalMs: 15 * 60_000,
    });
    const told = "archive: { dir: /a, max_bytes: 1TiB, retention: 1d, interval: 1s }";
    expect(load(told).config?.archive).toMatchObject({ directory: "/a", intervalMs: 1_000 });
    expect(load("archive: { max_bytes: 1KiB }").faults).toHaveLength(1);
  });

  it("has a default for everything", () => {
    expect(load("").config).toMatchObject({
      listen: { host: "127.0.0.1", port: 7400 },
      dataDir: "/var/lib/tailrace-aggregator",
      sinks: [],
      windowsRetentionMs: 30 * 86_400_000,
      time: { outOfOrdernessMs: 10_000, holdMaxMs: 60_000, idleAfterMs: 30_000 },
    });
  });

  it("takes the smallest configuration of the manual", () => {
    const text = `
listen: 127.0.0.1:7400
data_dir: /var/lib/tailrace-aggregator
sinks:
  - { name: hot, type: redis, url: "redis://127.0.0.1:6379" }
  - { name: out, type: file, path: windows.ndjson }
windows_retention: 30d
`;
    expect(load(text).config?.sinks).toMatchObject([
      { name: "hot", type: "redis", windowMinutes: 5, batchCount: 100, flushIntervalMs: 500 },
      { name: "out", type: "file", windowMinutes: 1 },
    ]);
  });

  it("listens on an IPv6 address or any free port", () => {
    expect(load('listen: "[::1]:0"').config?.listen).toEqual({ host: "::1", port: 0 });
  });

  it("tells every fault at once, with its place", () => {
    const text = `listen: nowhere
dat_dir: /x
sinks:
  - { name: hot, type: rediss, url: x }
  - { name: out, type: file, pth: windows.ndjson }
  - { name: a b, type: redis, url: "http://x" }
windows_retention: 5m
limits: { body: 1GiB }
`;
    const faults = load(text).faults ?? [];
    expect(faults.map(({ line, path }) => `${line} ${path}`)).toEqual([
      "1 listen",
      "2 dat_dir",
      "4 sinks[0].type",
      "5 sinks[1].path",
      "5 sinks[1].pth",
      "6 sinks[2].name",
      "6 sinks[2].url",
      "7 windows_retention",
      "8 limits.body",
    ]);
    expect(faults[0]?.message).toContain("expected HOST:PORT");
    expect(faults[1]?.message).toContain("did you mean `data_dir`");
    expect(faults[2]?.message).toContain("elasticsearch, file, influxdb");
  });

  it("refuses a file that two sinks write, or one twice, since each cuts it to its own cursor", () => {
    const text = `
sinks:
  - { name: out, type: file, path: /var/lib/out/windows.ndjson }
  - { name: twin, type: file, path: /var/lib/out/../out/windows.ndjson, alerts_path: /a, lines_path: /a }
  - { name: other, type: file, path: /b, alerts_path: /b }
`;
    const faults = load(text).faults ?? [];
    expect(faults.map(({ line, path }) => `${line} ${path}`)).toEqual([
      "4 sinks[1].path",
      "4 sinks[1].lines_path",
      "5 sinks[2].alerts_path",
    ]);
    expect(faults[0]?.message).toContain("`path` of the sink out writes");
  });

  it("refuses two sinks of one name, whose places would be one", () => {
    const text = `
sinks:
  - { name: out, type: file, path: a }
  - { name: out, type: file, path: b }
`;
    expect(load(text).faults?.map(({ path }) => path)).toEqual(["sinks[1].name"]);
  });

  it("describes every key in its JSON Schema", () => {
    const schema: unknown = z.toJSONSchema(aggregatorConfig, { io: "input" });
    const undescribed: string[] = [];
    const visit = (node: unknown, path: string) => {
      if (typeof node !== "object" || node === null) return;
      const properties: unknown = Reflect.get(node, "properties");
      if (typeof properties === "object" && properties !== null) {
        for (const [key, child] of Object.entries(properties)) {
          if (typeof Reflect.get(child, "description") !== "string") undescribed.push(path + key);
          visit(child, `${path}${key}.`);
        }
      }
      visit(Reflect.get(node, "items"), `${path}[].`);
      const choices: unknown = Reflect.get(node, "oneOf") ?? Reflect.get(node, "anyOf");
      if (Array.isArray(choices)) for (const choice of choices) visit(choice, path);
    };
    visit(schema, "");
    expect(undescribed).toEqual([]);
    expect(JSON.stringify(schema)).toContain("service_metrics");
  });
});

describe("who may call", () => {
  const faultsOf = (text: string) =>
    load(text).faults?.map(({ path, message }) => `${path}: ${message}`);

  it("is only this machine by default, whoever shows credentials otherwise, everybody when that is said", () => {
    expect(load("{}").config?.access).toBe("local");
    expect(load("access: {}").config?.access).toBe("credentials");
    expect(load("tls: { certificate: a, key: b }").config).toMatchObject({
      access: "credentials",
      tls: { certificate: "a", key: "b", authorities: undefined },
    });
    expect(load('{ listen: "0.0.0.0:7400", access: { insecure: true } }').config?.access).toBe(
      "insecure",
    );
  });

  it("cannot be other machines without TLS, unless that is said", () => {
    for (const listen of ["0.0.0.0:7400", "[::]:7400", "10.0.0.1:7400", "logs.example.org:7400"]) {
      expect(faultsOf(`listen: "${listen}"`)).toEqual([
        expect.stringMatching(/^listen: other machines reach/),
      ]);
      expect(faultsOf(`{ listen: "${listen}", access: {} }`)).toHaveLength(1);
      expect(faultsOf(`{ listen: "${listen}", tls: { certificate: a, key: b } }`)).toBeUndefined();
    }
  });
});
