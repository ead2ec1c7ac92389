import { beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../../../aggregator/sinks/file.ts";
import type { Sink, WindowResult } from "../../../../aggregator/sinks/sink.ts";
import type { Logger } from "../../../../shared/log.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const PATH = "/data/out/windows.ndjson";
const configured = kind.schema.parse({ name: "out", type: "file", path: PATH });

let simulation: Simulation;
let host: SimulatedHost;
beforeEach(() => {
  simulation = new Simulation(7);
  host = new SimulatedHost(simulation, "host", new SimulatedNetwork(simulation));
});

async function on<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  await simulation.run();
  return work;
}

function open(position: string | undefined): Promise<Sink> {
  const { platform } = host.start("aggregator");
  const parts = { name: "out", platform, logger: quiet, position };
  return on(configured.open({ ...parts, results: "windows" }));
}

function result(text: string): WindowResult {
  return {
    id: text,
    tenant: "",
    stream: "application-logs",
    service: text,
    windowStartMs: 0,
    windowEndMs: 60_000,
    revision: 1,
    json: JSON.stringify(text),
  };
}

function write(sink: Sink, ...texts: string[]) {
  const signal = new AbortController().signal;
  return on(sink.write(texts.map(result), { signal, watermarkMs: undefined }));
}

const content = () => host.disk.contentOf(PATH)?.toString("utf8");

describe("the file sink", () => {
  it("appends a line per window, makes missing folders, and knows its length", async () => {
    const sink = await open(undefined);
    expect(sink.position).toBe("0");
    await write(sink, "a", "b");
    await write(sink, "ü");
    expect(content()).toBe('"a"\n"b"\n"ü"\n');
    expect(sink.position).toBe("13");
  });

  it("cuts what stands behind the position, so that a repeated write stands there once", async () => {
    const before = await open(undefined);
    await write(before, "a");
    const position = before.position;
    await write(before, "b", "c");
    host.crash();
    const after = await open(position);
    expect(content()).toBe('"a"\n');
    await write(after, "b", "c");
    expect(content()).toBe('"a"\n"b"\n"c"\n');
  });

  it("has what it wrote on disk before it says so", async () => {
    const sink = await open(undefined);
    await write(sink, "a", "b");
    host.crash();
    expect(content()).toBe('"a"\n"b"\n');
  });

  it("writes over what a failed write left", async () => {
    const sink = await open(undefined);
    await write(sink, "a");
    const fault = { path: "/data", operations: ["sync"], code: "EIO", share: 1 } as const;
    host.disk.faults.add(fault);
    await expect(write(sink, "long name of a service")).rejects.toMatchObject({
      code: "SINK_FAILED",
      retry: "later",
    });
    host.disk.faults.delete(fault);
    await write(sink, "b");
    expect(content()).toBe('"a"\n"b"\n');
  });

  it("goes on at the end of a file that somebody shortened, and keeps what stood there before it", async () => {
    host.disk.append(PATH, Buffer.from("theirs\n"));
    const sink = await open(undefined);
    await write(sink, "a");
    expect(content()).toBe('theirs\n"a"\n');
    const shortened = await open("1000");
    await write(shortened, "b");
    expect(content()).toBe('theirs\n"a"\n"b"\n');
  });

  it("takes windows, alerts or both, each in a file of its own", async () => {
    const both = kind.schema.parse({
      name: "out",
      type: "file",
      path: PATH,
      alerts_path: "/data/out/alerts.ndjson",
    });
    expect([configured.results, both.results]).toEqual([["windows"], ["windows", "alerts"]]);
    const { platform } = host.start("aggregator");
    const parts = { name: "out", platform, logger: quiet, position: undefined };
    const alerts = await on(both.open({ ...parts, results: "alerts" }));
    await write(alerts, "fraud");
    expect(host.disk.contentOf("/data/out/alerts.ndjson")?.toString()).toBe('"fraud"\n');
    expect(content()).toBeUndefined();
  });

  it("has a file for each partition where there are several, so that none cuts another's", async () => {
    const { platform } = host.start("aggregator");
    const parts = { name: "out", platform, logger: quiet, results: "windows" } as const;
    const sinks: Sink[] = [];
    for (const partition of [0, 11]) {
      sinks.push(await on(configured.open({ ...parts, partition, position: undefined })));
    }
    for (const [index, sink] of sinks.entries()) await write(sink, `of ${index}`);
    await on(configured.open({ ...parts, partition: 0, position: "0" }));
    const textOf = (name: string) => host.disk.contentOf(`/data/out/${name}`)?.toString();
    expect(textOf("windows.p0.ndjson")).toBe("");
    expect(textOf("windows.p11.ndjson")).toBe('"of 1"\n');
    expect(content()).toBeUndefined();
  });

  it("is refused without a path", () => {
    const parsed = kind.schema.safeParse({ name: "out", type: "file" });
    expect(parsed.error?.issues.map(({ path }) => path.join())).toEqual(["path"]);
  });
});
