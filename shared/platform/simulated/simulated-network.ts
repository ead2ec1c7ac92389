import { assert } from "../../assert.ts";
import { TailraceError } from "../../errors.ts";
import type {
  HttpCall,
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
  Network,
} from "../network.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { Simulation } from "./simulation.ts";

/** How bad the network is now: shares of the calls that each fault hits. */
export interface NetworkFaults {
  /** The request never arrives; the caller waits until its limit. */
  requestLost: number;
  /** The request is handled; the answer never arrives. */
  answerLost: number;
  /** The request is handled again later, whether or not it was answered. */
  duplicated: number;
  /** The connection breaks at once, before or after the request was handled. */
  cut: number;
  /** Something on the way answers instead. */
  proxied: number;
  /** Longest delay of one direction, in ms. */
  delayMsMax: number;
  /** Longest time after which a duplicate arrives, in ms. */
  duplicateDelayMsMax: number;
}

/** A network without faults. */
export const CALM: NetworkFaults = {
  requestLost: 0,
  answerLost: 0,
  duplicated: 0,
  cut: 0,
  proxied: 0,
  delayMsMax: 5,
  duplicateDelayMsMax: 0,
};

type Handler = (request: HttpRequest) => Promise<HttpResponse>;

interface Server {
  readonly process: SimulatedProcess;
  readonly options: ListenOptions;
  readonly handle: Handler;
}

/** Between a call and its end. */
interface Attempt {
  readonly caller: SimulatedProcess;
  readonly call: HttpCall;
  readonly request: HttpRequest;
  readonly answer: (response: HttpResponse) => void;
  readonly fail: (reason: string) => void;
}

/** All hosts' HTTP. Addresses are `http://HOSTNAME:PORT`. */
export class SimulatedNetwork {
  readonly simulation: Simulation;
  faults: NetworkFaults = { ...CALM };
  /** Pairs of hosts (`a|b`, either order) between which nothing gets through. */
  readonly partitions = new Set<string>();
  /** @internal By address. */
  readonly servers = new Map<string, Server>();

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  /** The network as one process uses it. */
  port(process: SimulatedProcess): Network {
    return {
      call: (call) => this.call(process, call),
      listen: (options, handle) => this.listen(process, options, handle),
    };
  }

  private listen(
    process: SimulatedProcess,
    options: ListenOptions,
    handle: Handler,
  ): Promise<Listener> {
    const port = options.port === 0 ? 40_000 + this.simulation.prng.below(9_000) : options.port;
    const address =
      options.socketPath === undefined
        ? `${process.host.name}:${port}`
        : localAddress(process, options.socketPath);
    return process.operate({
      label: `${process.name} listen ${address}`,
      latencyMs: 0.1,
      effect: () => {
        if (this.servers.has(address)) {
          throw new TailraceError("LISTEN_FAILED", `Cannot listen on ${address}: EADDRINUSE`);
        }
        const server = { process, options, handle };
        this.servers.set(address, server);
        const stop = () => {
          if (this.servers.get(address) === server) this.servers.delete(address);
        };
        process.atDeath.add(stop);
        return {
          host: options.host,
          port,
          close: async () => {
            process.atDeath.delete(stop);
            stop();
          },
        };
      },
    });
  }

  private call(caller: SimulatedProcess, call: HttpCall): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (!caller.isAlive) return;
      caller.operationCount++;
      const { address: remote, path } = splitUrl(call.url);
      const { socketPath } = call;
      const address = socketPath === undefined ? remote : localAddress(caller, socketPath);
      let isOver = false;
      const end = (settle: () => void) => {
        if (isOver || !caller.isAlive) return;
        isOver = true;
        this.simulation.cancel(timeout);
        call.signal?.removeEventListener("abort", abort);
        settle();
      };
      const fail = (reason: string) =>
        end(() =>
          reject(
            new TailraceError("NETWORK_FAILED", `${call.method} ${call.url} failed: ${reason}`),
          ),
        );
      const timeout = caller.schedule(call.timeoutMs, `timeout ${caller.name}`, () =>
        fail(`no whole answer within ${call.timeoutMs} ms`),
      );
      const abort = () => fail("aborted");
      if (call.signal?.aborted) {
        abort();
        return;
      }
      call.signal?.addEventListener("abort", abort, { once: true });
      const request = {
        method: call.method,
        path,
        headers: { ...call.headers },
        body: Buffer.from(call.body ?? Buffer.alloc(0)),
        remoteAddress: caller.host.name,
      };
      const answer = (response: HttpResponse) => end(() => resolve(response));
      this.send(address, { caller, call, request, answer, fail });
    });
  }

  private send(address: string, attempt: Attempt): void {
    const { prng } = this.simulation;
    // A host does not lose what it tells itself.
    const faults = attempt.call.socketPath === undefined ? this.faults : CALM;
    if (prng.chance(faults.requestLost)) return;
    if (prng.chance(faults.cut)) {
      this.later(`cut ${attempt.caller.name}`, () => attempt.fail("connection reset"));
      if (prng.chance(0.5)) return;
    }
    if (prng.chance(faults.proxied)) {
      const status = prng.pick([400, 403, 413, 502, 503, 504]);
      const body = Buffer.from("<html>proxy</html>");
      const answer = { status, headers: { "content-type": "text/html" }, body };
      this.later(`proxy ${attempt.caller.name}`, () => attempt.answer(answer));
      return;
    }
    this.later(`${attempt.caller.name} calls ${address}`, () => this.deliver(address, attempt));
    if (prng.chance(faults.duplicated)) {
      const delayMs = prng.between(0, faults.duplicateDelayMsMax);
      this.simulation.schedule(delayMs, `duplicate to ${address}`, () =>
        this.deliver(address, { ...attempt, answer: () => undefined, fail: () => undefined }),
      );
    }
  }

  private deliver(address: string, attempt: Attempt): void {
    const { caller, call, request } = attempt;
    const server = this.servers.get(address);
    if (this.isParted(caller.host.name, address)) return;
    if (server === undefined) {
      this.later(`refused ${caller.name}`, () => attempt.fail("connection refused"));
      return;
    }
    const reset = () => attempt.fail("connection reset");
    server.process.atDeath.add(reset);
    const reply = (response: HttpResponse) => {
      server.process.atDeath.delete(reset);
      if (!server.process.isAlive) return;
      if (this.simulation.prng.chance(this.faults.answerLost)) return;
      const label = `${address} answers ${caller.name} ${call.method} ${request.path} ${response.status}`;
      this.later(label, () => {
        if (!this.isParted(caller.host.name, address)) attempt.answer(response);
      });
    };
    if (request.body.length > server.options.bodyBytesMax) {
      reply(refusal(413, "body_too_large"));
      return;
    }
    server.handle(request).then(reply, () => reply(refusal(500, "internal")));
  }

  private later(label: string, action: () => void): void {
    const delayMs = this.simulation.prng.between(0.2, this.faults.delayMsMax);
    this.simulation.schedule(delayMs, label, action);
  }

  private isParted(host: string, address: string): boolean {
    const other = address.slice(0, address.lastIndexOf(":"));
    return this.partitions.has(`${host}|${other}`) || this.partitions.has(`${other}|${host}`);
  }
}

/** Stands for a unix domain socket of a process's host; "0" is no port that anybody listens on. */
function localAddress(process: SimulatedProcess, socketPath: string): string {
  return `${process.host.name}${socketPath}:0`;
}

/** Host and port of a URL, and the rest: all that `new URL` would tell, for less. */
function splitUrl(url: string): { readonly address: string; readonly path: string } {
  const parts = /^http:\/\/([^/?#]+)(\/[^#]*)$/.exec(url);
  const [, address, path] = parts ?? [];
  assert(address !== undefined && path !== undefined, `"${url}" is a whole address`);
  return { address, path };
}

function refusal(status: number, code: string): HttpResponse {
  const body = Buffer.from(JSON.stringify({ type: "about:blank", status, title: code, code }));
  return { status, headers: { "content-type": "application/problem+json" }, body };
}
