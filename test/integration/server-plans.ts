/** How each real server is started; what it is stands beside its `fetch`. */
import { createClient } from "redis";
import { isAnswering, type ServerPlan } from "./real-server.ts";

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

/** One node with a heap of 512 MiB. */
export const elasticsearch: ServerPlan = {
  name: "elasticsearch",
  scheme: "http",
  words: async (folder, port) => [folder, String(port)],
  isReady: (url) => isAnswering(`${url}/_cluster/health?wait_for_status=yellow&timeout=1s`),
};
