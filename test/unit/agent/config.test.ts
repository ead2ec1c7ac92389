import { describe, expect, it } from "vitest";
import { agentConfig } from "../../../agent/config.ts";
import { loadConfig } from "../../../shared/config/load.ts";

const SMALLEST = `
data_dir: /var/lib/tailrace
sources:
  - name: app
    type: file
    paths: ["/var/log/app/*.log"]
ship: { endpoints: ["http://127.0.0.1:7400"] }
`;

const faultsOf = (text: string) =>
  (loadConfig(agentConfig, text, "agent.yaml").faults ?? []).map(
    ({ line, path, message }) => `${line} ${path}: ${message}`,
  );

describe("agent.yaml", () => {
  it("needs little, and gets the stated defaults", () => {
    const { config } = loadConfig(agentConfig, SMALLEST, "agent.yaml");
    expect(config?.id).toBeUndefined();
    expect(config).toMatchObject({
      flush_interval: 5000,
      poll_interval: 1000,
      max_future: 600_000,
      spool: { max_bytes: 1024 ** 3, segment_bytes: 8 * 1024 ** 2 },
      ship: { endpoints: ["http://127.0.0.1:7400"], timeout: 30_000, request_bytes: 1024 ** 2 },
      events: { forbid: [], select: [] },
    });
    expect(config?.sources[0]).toMatchObject({
      format: "auto",
      start_at: "end",
      stream: "application-logs",
      timezone: "host",
      max_line: 1024 ** 2,
      rotate_wait: 10_000,
      exclude: [],
    });
  });

  it("checks the options that only some formats have", () => {
    const withFormat = (lines: readonly string[]) =>
      SMALLEST.replace("    type: file", ["    type: file", ...lines].join("\n    "));
    const good = ["format: dissect", 'pattern: "%{time} %{message}"', "time_format: epoch_ms"];
    expect(faultsOf(withFormat(good))).toEqual([]);
    expect(faultsOf(withFormat(["format: csv", 'delimiter: ";"']))).toEqual([
      expect.stringContaining("sources[0].columns: expected columns, which the format needs"),
    ]);
    expect(faultsOf(withFormat(["format: regex", 'pattern: "(?<time>"']))).toEqual([
      expect.stringMatching(/^7 sources\[0\]\.pattern: .*Unterminated group/),
    ]);
    expect(faultsOf(withFormat(["format: json", "time_format: [iso8601, yyyy]"]))).toEqual([
      expect.stringMatching(/time_format.*it has no place for a month/),
    ]);
  });

  it("tells every fault at once, with its line and what was expected", () => {
    const text = SMALLEST.replace("type: file", "type: tape")
      .replace("data_dir: /var/lib/tailrace", "flush_intervall: 1s")
      .replace("http://127.0.0.1:7400", "127.0.0.1:7400");
    expect(faultsOf(text)).toEqual([
      expect.stringMatching(/^2 data_dir: missing/),
      expect.stringMatching(/^2 flush_intervall: unknown key.*`flush_interval`/),
      expect.stringMatching(/^5 sources\[0\].type: expected one of: file, host, .*, got `tape`/),
      expect.stringMatching(/^7 ship\.endpoints\[0\]: expected an address such as http/),
    ]);
  });

  it("refuses what a limit forbids", () => {
    const limit = (line: string) => faultsOf(`${SMALLEST}${line}\n`);
    expect(limit("flush_interval: 1ms")).toEqual([
      expect.stringContaining("at least 10ms, at most 10m"),
    ]);
    expect(limit("spool: { max_bytes: 1MiB, segment_bytes: 1MiB }")).toEqual([
      expect.stringContaining("expected at least four times `segment_bytes`"),
    ]);
    expect(limit("id: ''")).toEqual([expect.stringContaining("a text that is not empty")]);
  });

  it("leaves senders of syslog that are quiet connected, since many lose a message otherwise", () => {
    const syslog = SMALLEST.replace(
      "ship:",
      '  - { name: net, type: syslog, listen: ["tcp://127.0.0.1:601"] }\nship:',
    );
    const { config } = loadConfig(agentConfig, syslog, "agent.yaml");
    expect(config?.sources[1]).toMatchObject({ idle_timeout: 86_400_000, max_connections: 1000 });
  });

  it("adds and forbids events, by conditions that can be used", () => {
    const events = (text: string) => `${SMALLEST}events: ${text}\n`;
    const good = `{ forbid: [audit], select: [{ stream: s, where: "level == 'FATAL'", fields: [message] }] }`;
    expect(loadConfig(agentConfig, events(good), "agent.yaml").config?.events).toEqual({
      forbid: ["audit"],
      select: [{ stream: "s", where: "level == 'FATAL'", fields: ["message"] }],
    });
    expect(faultsOf(events("{ select: [{ stream: s, where: 'level ==', fields: [a] }] }"))).toEqual(
      [expect.stringMatching(/^8 events\.select\[0\]\.where: .*character/)],
    );
    expect(faultsOf(events("{ select: [{ stream: s, fields: [], of: all }] }"))).toHaveLength(2);
  });

  it("refuses two sources of one name, since offsets are kept under it", () => {
    const twice = SMALLEST.replace("ship:", "  - { name: app, type: file, paths: [a] }\nship:");
    expect(faultsOf(twice)).toEqual([
      expect.stringMatching(/^7 sources\[1\]\.name: expected a name/),
    ]);
  });
});
