import { beforeEach, describe, expect, it } from "vitest";
import { type Aggregator, startAggregator } from "../../../aggregator/aggregator.ts";
import { aggregatorConfig } from "../../../aggregator/config.ts";
import { openLocalLog } from "../../../aggregator/log/local-log.ts";
import { STALL_MS } from "../../../aggregator/monitor/progress.ts";
import { RuleSet } from "../../../aggregator/rules/rule-set.ts";
import { MemoryStore } from "../../../aggregator/state/memory-store.ts";
import type { Logger } from "../../../shared/log.ts";
import { SimulatedHost } from "../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../../shared/platform/simulated/simulation.ts";
import { encodeEnvelope } from "../../../shared/protocol/envelope.ts";
import { report, SampleAgent } from "./collect/sample-agent.ts";
import { EVENT_STREAM, event, FRAUD, rulesOf } from "./process/sample-events.ts";
import { EPOCH, sampleChain, sampleEnvelope } from "./receive/sample-batches.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const config = aggregatorConfig.parse({
  listen: "aggregator:7400",
  access: { insecure: true },
  data_dir: "/data",
});

let simulation: Simulation;
let host: SimulatedHost;
let client: SimulatedProcess;
/** What commits of the store wait for. */
let beforeApply: () => Promise<void>;

beforeEach(() => {
  simulation = new Simulation(3);
  const network = new SimulatedNetwork(simulation);
  host = new SimulatedHost(simulation, "aggregator", network);
  client = new SimulatedHost(simulation, "client", network).start("client");
  beforeApply = async () => {};
});

/** Lets virtual time go by until `work` settles. */
async function on<T>(work: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  work.then(settle, settle);
  while (!isSettled) await simulation.run(simulation.timeMs + 10);
  return work;
}

function start(rules?: RuleSet): Promise<Aggregator> {
  const { platform } = host.start("aggregator");
  const store = new MemoryStore(undefined, { beforeApply: () => beforeApply() });
  const begin = async () => {
    const directory = "/data/log";
    const bytesMax = config.limits.logBytesMax;
    const log = await openLocalLog(platform, { directory, store, logger: quiet, bytesMax });
    const parts = { log, store, logger: quiet };
    return startAggregator(
      platform,
      config,
      rules === undefined ? parts : { ...parts, rules: () => rules },
    );
  };
  return on(begin());
}

async function call(method: string, path: string, body?: Buffer, contentType = "") {
  const answer = await on(
    client.platform.network.call({
      url: `http://aggregator:7400${path}`,
      method,
      headers: { "content-type": contentType },
      timeoutMs: 20_000,
      ...(body === undefined ? {} : { body }),
    }),
  );
  const value: unknown = JSON.parse(answer.body.toString());
  return { status: answer.status, value };
}

async function hello(changes: Readonly<Record<string, unknown>> = {}) {
  const first = { agent: "web-1", machine: "m", epoch: EPOCH, takeover: false, version: 1 };
  const content = { ...first, ...changes };
  const body = Buffer.from(JSON.stringify(content));
  for (;;) {
    const answer = await call("POST", "/v1/hello", body, "application/json");
    if (answer.status !== 503) return answer;
  }
}

function send(sequence: number) {
  const [record] = sampleChain(sequence).slice(sequence - 1);
  if (record === undefined) throw new Error("no record");
  const body = encodeEnvelope(sampleEnvelope([record]));
  return call("POST", "/v1/batches", body, "application/x-protobuf");
}

describe("an aggregator", () => {
  it("is ready once it owns its partition, and stays so while nobody sends", async () => {
    await start();
    expect((await hello()).status).toBe(200);
    expect((await call("GET", "/readyz")).status).toBe(200);
    await simulation.run(simulation.timeMs + 600_000);
    expect((await call("GET", "/readyz")).status).toBe(200);
  });

  it("turns red, and stays alive, while the store does not commit", async () => {
    await start();
    await hello();
    let goOn = () => {};
    const stuck = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    beforeApply = () => stuck;
    // Durable, so it is accepted; not applied.
    expect(await send(1)).toMatchObject({ status: 200, value: { accepted: 1, applied: 0 } });
    await simulation.run(simulation.timeMs + STALL_MS + 1_000);
    const { status, value } = await call("GET", "/readyz");
    expect(status).toBe(503);
    expect(value).toMatchObject({ checks: [{ name: "batches 0", status: "failing" }] });
    expect((await call("GET", "/healthz")).status).toBe(200);
    beforeApply = async () => {};
    goOn();
    await simulation.run(simulation.timeMs + 3_000);
    expect((await call("GET", "/readyz")).status).toBe(200);
    expect(await send(2)).toMatchObject({ status: 200, value: { applied: 2 } });
  });

  it("turns red while the log takes nothing, and refuses what it cannot keep", async () => {
    await start();
    await hello();
    const operations = ["write", "sync"] as const;
    host.disk.faults.add({ path: "/data/log", operations, code: "ENOSPC", share: 1 });
    const refused = await send(1);
    expect(refused).toMatchObject({ status: 503 });
    await simulation.run(simulation.timeMs + STALL_MS + 2_000);
    expect((await call("GET", "/readyz")).status).toBe(503);
    expect(await call("GET", "/v1/windows")).toMatchObject({ status: 200, value: { windows: [] } });
  });

  it("says clearly that its address is taken, and gives up what it holds", async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: "LOCK_HELD" });
    host.disk.append("/other/x", Buffer.alloc(1));
    const { platform } = host.start("second");
    const store = new MemoryStore();
    const second = async () => {
      const options = { directory: "/other/log", store, logger: quiet, bytesMax: 2 ** 26 };
      const log = await openLocalLog(platform, options);
      return startAggregator(platform, config, { log, store, logger: quiet });
    };
    await expect(on(second())).rejects.toMatchObject({ code: "LISTEN_FAILED" });
  });

  it("hands out what its rules need, and makes alerts of what comes", async () => {
    const selector = { stream: EVENT_STREAM, keys: ["userId"], where: [], fields: ["amount"] };
    const selectors = { revision: "ab", selectors: [selector] };
    await start(new RuleSet(rulesOf(FRAUD), selectors));
    const agent = new SampleAgent("web-1");
    const { value } = await hello({ epoch: agent.epoch, version: 2, selectorRevision: "" });
    expect(value).toMatchObject({ selectors });
    const events = [200, 60].map((amount, index) => ({
      ...event(index, 0, { amount, userId: "ann" }),
      timeMs: host.now() - 3_600_000 + index * 1_000,
    }));
    const batch = { events, selectorRevision: "ab", sources: report(host.now()) };
    const { envelope } = agent.send(batch);
    const answer = await call("POST", "/v1/batches", envelope, "application/x-protobuf");
    // The envelope named no revision.
    expect(answer).toMatchObject({ status: 200, value: { applied: 1, selectors } });
    await simulation.run(simulation.timeMs + 3_000);
    const { value: found } = await call("GET", "/v1/alerts?rule=fraud");
    expect(found).toMatchObject({ alerts: [{ user: "ann", message: "ann paid 200 and 60" }] });
    expect(await call("GET", "/v1/alerts?rule=other")).toMatchObject({ value: { alerts: [] } });
    const { value: agents } = await call("GET", "/v1/agents");
    expect(agents).toMatchObject({ agents: [{ selectorRevision: "ab" }] });
  });

  it("answers what is under way before it closes", async () => {
    const aggregator = await start();
    await hello();
    const sending = send(1);
    await simulation.run(simulation.timeMs + 2);
    await on(aggregator.close());
    expect(await sending).toMatchObject({ status: 200, value: { applied: 1 } });
  });
});
