import { defineCommand, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from "../../shared/command.ts";
import { TailraceError } from "../../shared/errors.ts";
import { TlsFiles } from "../../shared/platform/tls-files.ts";
import type { AggregatorConfig } from "../config.ts";
import { readConfig } from "./read-config.ts";

const TIMEOUT_MS = 4_000;

/** `tailrace health`: whether the aggregator of a configuration is alive, for the health check of a container. */
export const command = defineCommand({
  summary: "Asks the aggregator of a configuration on this host whether it is alive.",
  examples: [
    ["tailrace health --config /etc/tailrace/aggregator.yaml", "exit 0 when it is, 1 when not"],
  ],
  configure: (command) => {
    command.requiredOption("--config <file>", "the aggregator's configuration");
  },
  run: async (_operands, options, io) => {
    const config = await readConfig(String(options["config"]), io);
    if (config === undefined) return EXIT_USAGE;
    const { disk, network } = io.platform;
    const authorities = config.tls?.certificate;
    const files =
      authorities === undefined ? undefined : await TlsFiles.open(disk, { authorities });
    try {
      const { status } = await network.call({
        ...{ url: addressOf(config), method: "GET", timeoutMs: TIMEOUT_MS, signal: io.signal },
        // It shows its own certificate, whose name is for others.
        ...(files === undefined ? {} : { tls: { ...files.material, isPinned: true } }),
      });
      if (status === 200) return EXIT_DONE;
      io.stderr(`it answers ${status}\n`);
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      io.stderr(`${error.message}\n`);
    }
    return EXIT_FAILED;
  },
});

function addressOf({ listen, tls }: AggregatorConfig): string {
  // What listens everywhere also listens here.
  const host = { "0.0.0.0": "127.0.0.1", "::": "::1" }[listen.host] ?? listen.host;
  const place = host.includes(":") ? `[${host}]` : host;
  return `${tls === undefined ? "http" : "https"}://${place}:${listen.port}/healthz`;
}
