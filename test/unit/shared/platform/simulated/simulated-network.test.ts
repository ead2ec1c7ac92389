import { beforeEach, describe, expect, it } from "vitest";
import { TailraceError } from "../../../../../shared/errors.ts";
import type { HttpRequest, HttpResponse } from "../../../../../shared/platform/network.ts";
import { SimulatedHost } from "../../../../../shared/platform/simulated/simulated-host.ts";
import {
  CALM,
  SimulatedNetwork,
} from "../../../../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../../../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../../../../shared/platform/simulated/simulation.ts";

let simulation: Simulation;
let network: SimulatedNetwork;
let server: SimulatedProcess;
let client: SimulatedProcess;
let handled: HttpRequest[];

beforeEach(async () => {
  simulation = new Simulation(3);
  network = new SimulatedNetwork(simulation);
  server = new SimulatedHost(simulation, "server", network).start("server");
  client = new SimulatedHost(simulation, "client", network).start("client");
  handled = [];
  await listen();
});

async function listen(): Promise<void> {
  void server.platform.network.listen(
    { host: "", port: 7400, bodyBytesMax: 10, requestTimeoutMs: 1_000, connectionCountMax: 9 },
    async (request) => {
      handled.push(request);
      await server.platform.timers.sleep(20);
      if (request.path === "/bad") throw new Error("inside");
      return { status: 200, headers: { "x-a": "b" }, body: request.body };
    },
  );
  await simulation.run();
}

/** The answer's status, or the code and text of the failure. */
async function call(path: string, text = "", signal?: AbortSignal): Promise<string> {
  const outcome = client.platform.network
    .call({
      url: `http://server:7400${path}`,
      method: "POST",
      body: Buffer.from(text),
      timeoutMs: 1_000,
      ...(signal === undefined ? {} : { signal }),
    })
    .then(
      (answer: HttpResponse) => `${answer.status} ${answer.body}`,
      (error: unknown) => (error instanceof TailraceError ? error.message : `${error}`),
    );
  await simulation.run();
  return outcome;
}

describe("the simulated network", () => {
  it("carries a call to the handler and its answer back", async () => {
    expect(await call("/a?b=c", "body")).toBe("200 body");
    expect(handled.map((request) => [request.method, request.path])).toEqual([["POST", "/a?b=c"]]);
  });

  it("answers 413 to a large body and 500 to a failing handler", async () => {
    expect(await call("/", "12345678901")).toContain('"code":"body_too_large"');
    expect(handled).toEqual([]);
    expect(await call("/bad")).toContain("500");
  });

  it("carries calls over a unix domain socket within one host only, and loses none of them", async () => {
    network.faults = { ...CALM, requestLost: 1 };
    const socketPath = "/data/admin.sock";
    const options = { bodyBytesMax: 10, requestTimeoutMs: 1_000, connectionCountMax: 9 };
    void server.platform.network.listen(
      { host: "", port: 0, socketPath, ...options },
      async ({ path }) => ({ status: 200, headers: {}, body: Buffer.from(path) }),
    );
    await simulation.run();
    const ask = async (process: SimulatedProcess) => {
      const call = { url: "http://localhost/v1/status", method: "GET", timeoutMs: 500, socketPath };
      const outcome = process.platform.network.call(call).then(
        ({ body }) => body.toString(),
        (error: unknown) => String(error),
      );
      await simulation.run();
      return outcome;
    };
    expect(await ask(server)).toBe("/v1/status");
    expect(await ask(client)).toContain("connection refused");
  });

  it("refuses when nobody listens, and resets when the server dies", async () => {
    simulation.schedule(15, "death", () => server.kill());
    expect(await call("/")).toContain("connection reset");
    expect(await call("/")).toContain("connection refused");
  });

  it("loses requests, and answers to requests that were handled", async () => {
    network.faults = { ...CALM, requestLost: 1 };
    expect(await call("/")).toContain("within 1000 ms");
    expect(handled.length).toBe(0);
    network.faults = { ...CALM, answerLost: 1 };
    expect(await call("/")).toContain("within 1000 ms");
    expect(handled.length).toBe(1);
  });

  it("delivers a request twice and answers once", async () => {
    network.faults = { ...CALM, duplicated: 1, duplicateDelayMsMax: 30_000 };
    expect(await call("/", "x")).toBe("200 x");
    expect(handled.length).toBe(2);
  });

  it("lets nothing through between parted hosts, either way", async () => {
    network.partitions.add("server|client");
    expect(await call("/")).toContain("within 1000 ms");
    expect(handled.length).toBe(0);
    network.partitions.clear();
    simulation.schedule(15, "part", () => network.partitions.add("client|server"));
    expect(await call("/")).toContain("within 1000 ms");
    expect(handled.length).toBe(1);
  });

  it("fails at once when the caller aborts", async () => {
    const abort = new AbortController();
    simulation.schedule(2, "abort", () => abort.abort());
    expect(await call("/", "", abort.signal)).toContain("aborted");
    expect(await call("/", "", abort.signal)).toContain("aborted");
  });

  it("lets two servers not share an address, and one follow the other", async () => {
    await expect(listenAgain()).rejects.toThrow("EADDRINUSE");
    const listener = listenAgain(7401);
    await simulation.run();
    await (await listener).close();
    const again = listenAgain(7401);
    await simulation.run();
    expect((await again).port).toBe(7401);
  });
});

function listenAgain(port = 7400) {
  const listening = server.platform.network.listen(
    { host: "", port, bodyBytesMax: 10, requestTimeoutMs: 1_000, connectionCountMax: 9 },
    async () => ({ status: 200, headers: {}, body: Buffer.alloc(0) }),
  );
  listening.catch(() => undefined);
  simulation.run().catch(() => undefined);
  return listening;
}
