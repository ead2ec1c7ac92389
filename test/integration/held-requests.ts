import { createServer, type Server, request as sendRequest } from "node:http";
import { buffer } from "node:stream/consumers";

/** Stands between a sink and its store: passes requests on, or keeps those that a test wants to arrive late, after their sender gave up. */
export class HeldRequests {
  /** Whether a request is kept instead of passed on. */
  holds: (path: string) => boolean = () => false;
  readonly #server: Server;
  readonly #held: (() => Promise<number>)[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a free port of 127.0.0.1, in front of `storeUrl`. */
  static async before(storeUrl: string): Promise<HeldRequests> {
    const server = createServer((request, response) => {
      void buffer(request).then(async (body) => {
        const { method, url: path = "", headers } = request;
        const send = () =>
          new Promise<{ status: number; headers: typeof headers; body: Buffer }>(
            (resolve, reject) => {
              const call = sendRequest(`${storeUrl}${path}`, { method, headers }, (answer) => {
                void buffer(answer).then((bytes) =>
                  resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }),
                );
              });
              call.on("error", reject).end(body);
            },
          );
        if (relay.holds(path)) {
          relay.#held.push(async () => (await send()).status);
          return;
        }
        const answer = await send();
        response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    });
    const relay = new HeldRequests(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** Lets what was kept arrive; resolves with the store's answers. */
  async release(): Promise<number[]> {
    return Promise.all(this.#held.splice(0).map((send) => send()));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
