import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { TailraceError } from "../../../../shared/errors.ts";
import type {
  HttpRequest,
  HttpResponse,
  Listener,
  ListenOptions,
} from "../../../../shared/platform/network.ts";
import { processIo } from "../../../../shared/platform/process-io.ts";
import { realNetwork } from "../../../../shared/platform/real-network.ts";

const open: Listener[] = [];
afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close();
});

async function serve(
  handle: (request: HttpRequest) => Promise<HttpResponse>,
  options: Partial<ListenOptions> = {},
): Promise<string> {
  const listener = await realNetwork.listen(
    {
      host: "127.0.0.1",
      port: 0,
      bodyBytesMax: 1_000,
      requestTimeoutMs: 5_000,
      connectionCountMax: 10,
      ...options,
    },
    handle,
  );
  open.push(listener);
  return `http://127.0.0.1:${listener.port}`;
}

const echo = async (request: HttpRequest): Promise<HttpResponse> => ({
  status: 201,
  headers: { "content-type": "text/plain", "x-path": request.path, "x-method": request.method },
  body: request.body,
});

async function failure(work: Promise<unknown>): Promise<TailraceError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TailraceError)) throw new Error(`expected a failure, got ${error}`);
  return error;
}

/** Sends bytes as they are and resolves with all that comes back. */
function rawExchange(base: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(base).port), "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

describe("the network of this machine", () => {
  it("carries method, path, headers and body both ways", async () => {
    const base = await serve(echo);
    const body = Buffer.from([0, 255, 10]);
    const call = { url: `${base}/a?b=c`, method: "POST", body, timeoutMs: 5_000 };
    const answer = await realNetwork.call(call);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual(body);
    expect(answer.headers["x-path"]).toBe("/a?b=c");
    expect(answer.headers["x-method"]).toBe("POST");
  });

  it.each([
    ["announced", "content-length: 5000\r\n\r\n"],
    ["chunked", `transfer-encoding: chunked\r\n\r\n1388\r\n${"x".repeat(5_000)}\r\n0\r\n\r\n`],
  ])("refuses a body over the limit with a problem, when it is %s", async (_, rest) => {
    let handled = 0;
    const base = await serve(async (request) => {
      handled++;
      return echo(request);
    });
    const answer = await rawExchange(base, `POST / HTTP/1.1\r\nhost: a\r\n${rest}`);
    expect(answer).toContain("HTTP/1.1 413");
    expect(answer).toContain('"code":"body_too_large"');
    expect(handled).toBe(0);
  });

  it("refuses bodies that fill the room for all of them, until others are answered", async () => {
    let finish = () => {};
    const released = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let started = () => {};
    const isUnderWay = new Promise<void>((resolve) => {
      started = resolve;
    });
    const slow = async (request: HttpRequest) => {
      started();
      await released;
      return echo(request);
    };
    const base = await serve(slow, { bodiesBytesMax: 1_500 });
    const call = { url: base, method: "POST", body: Buffer.alloc(1_000), timeoutMs: 5_000 };
    const first = realNetwork.call(call);
    await isUnderWay;
    const second = await realNetwork.call(call);
    expect([second.status, second.headers["retry-after"]]).toEqual([503, "1"]);
    expect(second.body.toString()).toContain('"code":"overloaded"');
    finish();
    expect((await first).status).toBe(201);
    expect((await realNetwork.call(call)).status).toBe(201);
  });

  it("answers 500 without details when the handler fails, and goes on", async () => {
    const base = await serve(async (request) => {
      if (request.path === "/bad") throw new Error("secret");
      return echo(request);
    });
    const bad = await realNetwork.call({ url: `${base}/bad`, method: "GET", timeoutMs: 5_000 });
    expect(bad.status).toBe(500);
    expect(bad.body.toString()).not.toContain("secret");
    const good = await realNetwork.call({ url: `${base}/x`, method: "GET", timeoutMs: 5_000 });
    expect(good.status).toBe(201);
  });

  it("NET-02 answers 408 when a request does not arrive whole in time", async () => {
    const base = await serve(echo, { requestTimeoutMs: 100 });
    const text = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nab";
    expect(await rawExchange(base, text)).toContain("HTTP/1.1 408");
  });

  it("fails with NETWORK_FAILED when nobody listens, in time, and when aborted", async () => {
    const base = await serve(() => new Promise(() => {}));
    const refused = { url: "http://127.0.0.1:1/", method: "GET", timeoutMs: 5_000 };
    expect((await failure(realNetwork.call(refused))).code).toBe("NETWORK_FAILED");
    const late = await failure(realNetwork.call({ url: base, method: "GET", timeoutMs: 20 }));
    expect(late.message).toContain("within 20 ms");
    const abort = new AbortController();
    const aborted = failure(
      realNetwork.call({ url: base, method: "GET", timeoutMs: 5_000, signal: abort.signal }),
    );
    abort.abort();
    expect((await aborted).retry).toBe("later");
  });

  it("says why it cannot listen", async () => {
    const base = await serve(echo);
    const error = await failure(serve(echo, { port: Number(new URL(base).port) }));
    expect(error.code).toBe("LISTEN_FAILED");
    expect(error.message).toContain("EADDRINUSE");
  });

  it("finishes the request under way when it closes", async () => {
    let finish = () => {};
    const started = new Promise<void>((resolveStarted) => {
      void serve(async (request) => {
        resolveStarted();
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return echo(request);
      }).then((base) => {
        answered = realNetwork.call({ url: base, method: "GET", timeoutMs: 5_000 });
      });
    });
    let answered: Promise<HttpResponse> | undefined;
    await started;
    const closing = Promise.all(open.splice(0).map((listener) => listener.close()));
    finish();
    await closing;
    expect((await answered)?.status).toBe(201);
  });
});

describe("a unix domain socket", () => {
  const options = {
    ...{ host: "localhost", port: 0, bodyBytesMax: 1_000 },
    ...{ requestTimeoutMs: 5_000, connectionCountMax: 10 },
  };

  it("carries calls both ways, and only its user may open it", async () => {
    await using folder = await processIo().temporaryDirectory();
    const socketPath = join(folder.path, "a.sock");
    open.push(await realNetwork.listen({ ...options, socketPath }, echo));
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    const call = { url: "http://localhost/p?q=1", method: "POST", timeoutMs: 5_000, socketPath };
    const answer = await realNetwork.call({ ...call, body: Buffer.from("hello") });
    expect(answer.status).toBe(201);
    expect(answer.headers["x-path"]).toBe("/p?q=1");
    expect(answer.body.toString()).toBe("hello");
  });

  it("that is taken, or has no room for its name, fails with its path", async () => {
    await using folder = await processIo().temporaryDirectory();
    const socketPath = join(folder.path, "a.sock");
    open.push(await realNetwork.listen({ ...options, socketPath }, echo));
    const again = await failure(realNetwork.listen({ ...options, socketPath }, echo));
    expect(again).toMatchObject({ code: "LISTEN_FAILED" });
    expect(again.message).toContain(socketPath);
    const long = join(folder.path, "x".repeat(200));
    const tooLong = await failure(realNetwork.listen({ ...options, socketPath: long }, echo));
    expect(tooLong.code).toBe("LISTEN_FAILED");
  });

  it("that nobody listens on fails like any other call", async () => {
    const call = { url: "http://localhost/", method: "GET", timeoutMs: 5_000 };
    const error = await failure(realNetwork.call({ ...call, socketPath: "/nowhere/a.sock" }));
    expect(error.code).toBe("NETWORK_FAILED");
  });
});
