/** A receiver of a webhook that keeps the newest revision of each window. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { json } from "node:stream/consumers";
import { type HeldWindow, heldWindow } from "../integration/store-contents.ts";

/** See the head of this file. */
export class WebhookReceiver {
  readonly #server: Server;
  readonly #newest = new Map<string, { readonly revision: number; readonly window: HeldWindow }>();

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(() => response.end());
    });
  }

  async #take(request: IncomingMessage): Promise<void> {
    const id = String(request.headers["tailrace-id"]);
    const revision = Number(request.headers["tailrace-revision"]);
    const window = heldWindow(await json(request));
    if (revision < (this.#newest.get(id)?.revision ?? 0)) return;
    this.#newest.set(id, { revision, window });
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    return `http://127.0.0.1:${address.port}/`;
  }

  /** What arrived. */
  get windows(): HeldWindow[] {
    return [...this.#newest.values()].map(({ window }) => window);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
