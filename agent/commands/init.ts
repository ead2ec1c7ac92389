import { defineCommand, EXIT_DONE, EXIT_FAILED } from "../../shared/command.ts";
import { systemCode, systemReason } from "../../shared/errors.ts";
import { withRightsOf } from "../../shared/platform/rights.ts";
import { lookAtHost } from "../init/look-at-host.ts";
import { writeConfig } from "../init/write-config.ts";

/** As whom the packages' service reads. */
const SERVICE = { user: "tailrace", groups: ["adm", "systemd-journal"] } as const;

/** `tailrace init`: a configuration for this host. */
export const command = defineCommand({
  summary: "Looks at the logs of this host and writes an agent.yaml that reads them.",
  examples: [
    ["tailrace init", "print it"],
    ["tailrace init /etc/tailrace/agent.yaml", "write it; an existing file is kept"],
    ["tailrace init --root /mnt/image agent.yaml", "for a host whose files are below a folder"],
  ],
  configure: (command) => {
    command
      .argument("[file]", "where to write; standard output when left out")
      .option("--force", "write over an existing file", false)
      .option("--root <folder>", "where the files of the host are", "/")
      .option("--data-dir <folder>", "the agent's data directory", "/var/lib/tailrace/agent")
      .option("--endpoint <url>", "the aggregator", "http://127.0.0.1:7400");
  },
  run: async ([path], options, io) => {
    const { disk } = io.platform;
    const look = () => lookAtHost(disk, String(options["root"]));
    // Root reads more than the service will.
    const { result: host, isTaken } = await withRightsOf(SERVICE, look);
    const text = writeConfig(host, {
      id: io.hostname,
      dataDirectory: String(options["dataDir"]),
      endpoint: String(options["endpoint"]),
    });
    if (path === undefined) {
      await io.stdout(text);
      return EXIT_DONE;
    }
    try {
      // It names secrets and holds none, and the service's user has to read what root writes.
      const file = await disk.open(path, options["force"] === true ? "write" : "public");
      try {
        await file.truncate(0);
        await file.write(Buffer.from(text), 0);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      const advice =
        code === "EEXIST" ? "it is there already; --force writes over it" : systemReason(error);
      io.stderr(`${path} cannot be written: ${advice}\n`);
      return EXIT_FAILED;
    }
    const extent = isTaken ? `, of what the service's user ${SERVICE.user} may read` : "";
    io.stderr(`${path} is written${extent}; next: tailrace validate ${path}\n`);
    return EXIT_DONE;
  },
});
