import { beforeEach, describe, expect, it } from "vitest";
import { RuleFiles } from "../../../aggregator/rule-files.ts";
import type { Logger } from "../../../shared/log.ts";
import { SimulatedHost } from "../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../shared/platform/simulated/simulation.ts";
import { FRAUD, SILENCE } from "./process/sample-events.ts";

let simulation: Simulation;
let host: SimulatedHost;
let told: string[];

beforeEach(() => {
  simulation = new Simulation(1);
  host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
  told = [];
});

const logger: Logger = {
  error: (message) => void told.push(message),
  warn: (message) => void told.push(message),
  info: (message) => void told.push(message),
  debug: () => undefined,
};

function write(path: string, text: string): void {
  if (host.disk.contentOf(path) !== undefined) host.disk.remove(path);
  host.disk.append(path, Buffer.from(text));
}

async function pass(ms: number): Promise<void> {
  await simulation.run(simulation.timeMs + ms);
}

/** Opens the files and lets time go by until they are read. */
async function open(...patterns: readonly string[]) {
  const files = new RuleFiles(host.start("aggregator").platform, patterns, logger);
  let faults: readonly string[] | undefined;
  void files.open().then((found) => {
    faults = found.map(({ file, line, message }) => `${file}:${line} ${message}`);
  });
  await pass(100);
  return { files, faults };
}

const names = (files: RuleFiles) => files.current.rules.map(({ rule }) => rule.config.name);

describe("rule files", () => {
  it("are read from files, folders and globs, each once", async () => {
    write("/rules/fraud.yaml", FRAUD);
    write("/rules/notes.txt", "none");
    write("/more/silence.yml", SILENCE);
    const { files, faults } = await open(
      "/rules",
      "/rules/fraud.yaml",
      "/more/*.yml",
      "/none/*.yaml",
    );
    expect(faults).toEqual([]);
    expect(names(files)).toEqual(["fraud", "silence"]);
  });

  it("that are wrong or missing are told, all of them", async () => {
    write("/rules/fraud.yaml", FRAUD.replace("severity: critical", "severity: bad"));
    write("/rules/metrics.yaml", SILENCE.replace("business-events", "service-metrics"));
    const { files, faults } = await open("/rules", "/missing.yaml");
    expect(names(files)).toEqual([]);
    expect(faults).toEqual(["/missing.yaml:1 there is no such rule file"]);
    const { faults: more } = await open("/rules");
    expect(more).toEqual([expect.stringMatching(/^\/rules\/fraud.yaml:10 expected one of: info/)]);
    write("/rules/fraud.yaml", FRAUD);
    const { faults: rest } = await open("/rules");
    expect(rest).toEqual([expect.stringMatching(/^\/rules\/metrics.yaml:1 expected service/)]);
  });

  it("are read again when they change; wrong ones change nothing until they are right", async () => {
    write("/rules/fraud.yaml", FRAUD);
    const { files } = await open("/rules");
    const before = files.current;
    await pass(60_000);
    expect(files.current).toBe(before);
    write("/rules/silence.yaml", SILENCE.replace("notFollowedBy", "sometimes"));
    await pass(1_000);
    expect(files.current).toBe(before);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/those before stay in use[^]*silence.yaml:9/);
    await pass(60_000);
    expect(told).toHaveLength(1);
    write("/rules/silence.yaml", SILENCE);
    await pass(1_000);
    expect(names(files)).toEqual(["fraud", "silence"]);
    expect(told).toEqual([told[0], "rules were read again and are in use"]);
  });

  it("are found changed without a watcher, and at once when asked", async () => {
    write("/rules/fraud.yaml", FRAUD);
    const { files } = await open("/rules/*.yaml");
    await pass(1_000);
    host.disk.rename("/rules/fraud.yaml", "/rules/fraud.off");
    files.reload();
    await pass(1_000);
    expect(names(files)).toEqual([]);
  });

  it("are no longer followed after a close", async () => {
    write("/rules/fraud.yaml", FRAUD);
    const { files } = await open("/rules");
    let isClosed = false;
    void files.close().then(() => {
      isClosed = true;
    });
    await pass(1_000);
    expect(isClosed).toBe(true);
    host.disk.remove("/rules/fraud.yaml");
    await pass(60_000);
    expect(names(files)).toEqual(["fraud"]);
  });
});
