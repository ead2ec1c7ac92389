import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  request as sendRequest,
} from "node:http";
import { buffer } from "node:stream/consumers";

/** A request as it came. */
interface Seen {
  readonly method: string | undefined;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What came back. */
interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Stands between agents and an aggregator: passes every request on, and lets each batch arrive twice more, later and in random order. What the
 * aggregator says to these nobody hears.
 */
export class RepeatingRelay {
  /** How many batches it has seen. */
  batchCount = 0;
  /** Batches that it let arrive again. */
  repeatedCount = 0;
  readonly #server: Server;
  readonly #target: string;
  readonly #random: () => number;
  readonly #waiting: Seen[] = [];

  private constructor(target: string, random: () => number) {
    this.#target = target;
    this.#random = random;
    this.#server = createServer((request, response) => {
      const { method, url: path = "", headers } = request;
      void buffer(request)
        .then((body) => this.#pass({ method, path, headers, body }))
        .then(
          ({ status, headers: answered, body }) => response.writeHead(status, answered).end(body),
          // As when there is nothing in between.
          () => response.destroy(),
        );
    });
  }

  /** Listens on a free port of 127.0.0.1, in front of `target`. */
  static async before(target: string, random: () => number): Promise<RepeatingRelay> {
    const relay = new RepeatingRelay(target, random);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Lets everything arrive that has not arrived thrice; resolves when the aggregator has answered all of it. */
  async finish(): Promise<void> {
    while (this.#waiting.length > 0) await this.#repeatOne();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(seen: Seen): Promise<Answer> {
    if (seen.path !== "/v1/batches") return this.#send(seen);
    this.batchCount++;
    this.#waiting.push(seen, seen);
    if (this.#random() < 0.5) await this.#repeatOne();
    const answer = await this.#send(seen);
    if (this.#random() < 0.5) await this.#repeatOne();
    return answer;
  }

  async #repeatOne(): Promise<void> {
    const [seen] = this.#waiting.splice(Math.floor(this.#random() * this.#waiting.length), 1);
    if (seen === undefined) return;
    try {
      const { status } = await this.#send(seen);
      // Not taken for now: it is to arrive all the same.
      if (status === 429 || status === 503) this.#waiting.push(seen);
      else this.repeatedCount++;
    } catch {
      // The aggregator is just gone.
      this.#waiting.push(seen);
    }
  }

  #send({ method, path, headers, body }: Seen): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = sendRequest(`${this.#target}${path}`, { method, headers }, (answer) => {
        void buffer(answer).then(
          (bytes) =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }),
          reject,
        );
      });
      call.on("error", reject).end(body);
    });
  }
}
