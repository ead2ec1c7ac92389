/** How each real server is started; what it is stands beside its `fetch`. */
import { createClient } from "redis";
import type { ServerPlan } from "./real-server.ts";

/** In memory only: it starts empty. */
export const redis: ServerPlan = {
  name: "redis",
  scheme: "redis",
  words: async (folder, port) => {
    const address = ["--port", String(port), "--bind", "127.0.0.1"];
    return [...address, "--save", "", "--appendonly", "no", "--dir", folder];
  },
  isReady: async (url) => {
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    // The rejection of connect says the same.
    client.on("error", () => undefined);
    await client.connect();
    client.destroy();
    return true;
  },
};
