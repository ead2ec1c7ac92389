import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";

/** A request that the store got. */
export interface StoreRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Not compressed. */
  readonly body: Buffer;
}

/** How a request is answered; undefined: with 200 and an empty object. */
type Script = (request: StoreRequest, response: ServerResponse) => void;

/** A store on a real socket that gives answers which a real one cannot be made to give. */
export class ScriptedStore {
  readonly requests: StoreRequest[] = [];
  /** Answers every request. */
  script: Script = (_request, response) => answer(response, 200, {});
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<ScriptedStore> {
    const server = createServer((request, response) => {
      void buffer(request).then((bytes) => {
        const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
        const { method = "", url: path = "", headers } = request;
        const known = { method, path, headers, body };
        store.requests.push(known);
        store.script(known, response);
      });
    });
    const store = new ScriptedStore(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return store;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers with JSON, as Elasticsearch introduces itself. */
export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const own = { "content-type": "application/json", "x-elastic-product": "Elasticsearch" };
  response.writeHead(status, { ...own, ...headers }).end(JSON.stringify(body));
}
