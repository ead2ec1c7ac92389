/** The schemas of sources that are not files. */
import { z } from "zod";
import { byteSize, duration } from "../shared/config/units.ts";
import { eventOptions, LINE_OPTION_KEYS } from "../shared/events/event-options.ts";
import { eventOptionsConfig } from "../shared/events/event-options-config.ts";
import { STREAM_DEFAULT } from "../shared/protocol/batch.ts";
import { countingSettings } from "./counting-settings.ts";
import { multilineConfig } from "./multiline-config.ts";
import { FORMAT_NAMES, type FormatName, lineOptionFaults } from "./parsers/registry.ts";
import type { SyslogAddress } from "./source/syslog-feed.ts";

/** Keys that every source has. */
const common = {
  name: z
    .string()
    .min(1)
    .max(128)
    .meta({
      description: "Name of the source, unique in the file; its position is kept under it.",
      examples: ["app"],
    }),
  ...countingSettings,
};

const stream = z
  .string()
  .min(1)
  .max(1024)
  .prefault(STREAM_DEFAULT)
  .meta({ description: "Stream that the windows belong to." });

const service = z
  .string()
  .min(1)
  .max(1024)
  .optional()
  .meta({ description: "Service of events that name none; the source's name when left out." });

const inner = z
  .enum(FORMAT_NAMES)
  .optional()
  .meta({ description: "Format of the text inside of other lines; `auto` when left out." });

/** Keys of sources whose lines may be of any format. */
function lineKeys(format: FormatName) {
  return {
    ...common,
    format: z.enum(FORMAT_NAMES).prefault(format).meta({ description: "Format of the lines." }),
    inner,
    ...eventOptionsConfig,
    multiline: multilineConfig,
    service,
    stream,
  };
}

type LineKeys = Parameters<typeof eventOptions>[0] & { readonly format: FormatName };

function checkLineOptions(context: z.core.ParsePayload<LineKeys>): void {
  const { value } = context;
  for (const { option, fault } of lineOptionFaults(value.format, eventOptions(value))) {
    const path = [LINE_OPTION_KEYS[option]];
    context.issues.push({ code: "custom", input: value, path, message: fault });
  }
}

const maxLine = byteSize({ min: "1KiB", max: "16MiB" })
  .prefault("1MiB")
  .meta({ description: "Longer lines are rejected as `too_long`." });

/** The schema of a source of type `stdin`. */
export const stdinSource = z
  .strictObject({
    type: z.literal("stdin").meta({ description: "Lines that are piped into the agent." }),
    ...lineKeys("auto"),
    max_line: maxLine,
  })
  .check(checkLineOptions)
  .meta({ description: "The standard input." });

/** The schema of a source of type `journald`. */
export const journaldSource = z
  .strictObject({
    type: z.literal("journald").meta({ description: "Entries of systemd's journal." }),
    ...common,
    inner,
    ...eventOptionsConfig,
    service,
    stream,
    units: z
      .array(z.string().min(1))
      .max(1000)
      .prefault([])
      .meta({
        description:
          "Units whose entries are read, as `journalctl --unit` takes them; all when left out.",
        examples: [["ssh.service", "app@*.service"]],
      }),
    identifiers: z
      .array(z.string().min(1))
      .max(1000)
      .prefault([])
      .meta({
        description: "Identifiers of syslog whose entries are read; all when left out.",
        examples: [["sudo"]],
      }),
    directory: z
      .string()
      .min(1)
      .optional()
      .meta({
        description: "Folder of the journal; the one of this host when left out.",
        examples: ["/var/log/journal/remote"],
      }),
    command: z
      .string()
      .min(1)
      .prefault("journalctl")
      .meta({ description: "Name or path of journalctl." }),
    start_at: z.enum(["beginning", "end"]).prefault("end").meta({
      description: "Where to start when the source is first seen.",
    }),
    max_line: maxLine,
  })
  .check((context) => {
    for (const { option, fault } of lineOptionFaults("journald", eventOptions(context.value))) {
      const path = [LINE_OPTION_KEYS[option]];
      context.issues.push({ code: "custom", input: context.value, path, message: fault });
    }
  })
  .meta({ description: "The journal of systemd, by journalctl." });

const pemFile = (description: string) => z.string().min(1).meta({ description });

const ADDRESS = /^(udp|tcp|tls):\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})$/;

const syslogAddress = z.string().transform((text, context): SyslogAddress => {
  const [, transport, host = "", port = ""] = ADDRESS.exec(text) ?? [];
  const isKnown = transport === "udp" || transport === "tcp" || transport === "tls";
  if (!isKnown || Number(port) > 65_535) {
    const message =
      "expected an address such as udp://127.0.0.1:514, tcp://[::]:601 or tls://0.0.0.0:6514";
    context.issues.push({ code: "custom", input: text, message });
    return z.NEVER;
  }
  return { transport, host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
});

/** The schema of a source of type `syslog`. */
export const syslogSource = z
  .strictObject({
    type: z.literal("syslog").meta({ description: "Syslog from the network." }),
    ...lineKeys("syslog"),
    listen: z
      .array(syslogAddress)
      .min(1)
      .max(32)
      .meta({
        description:
          "Addresses to listen on: udp, tcp (framed by length or by line feeds) and tls.",
        examples: [["udp://127.0.0.1:514", "tcp://127.0.0.1:601"]],
      }),
    tls: z
      .strictObject({
        certificate: pemFile("PEM file with the certificate and those that lead to its root."),
        key: pemFile("PEM file with its key."),
        client_ca: pemFile(
          "PEM file with the authorities of which senders need a certificate; all are heard when left out.",
        ).optional(),
      })
      .optional()
      .meta({
        description:
          "What addresses with tls need: TLS 1.2 or later; the files are read again when they are renewed.",
      }),
    max_message: byteSize({ min: "480B", max: "1MiB" })
      .prefault("64KiB")
      .meta({ description: "Longer messages are rejected as `too_long`." }),
    max_connections: z
      .int()
      .min(1)
      .max(100_000)
      .prefault(1000)
      .meta({ description: "Most connections of an address at a time; further ones are closed." }),
    idle_timeout: duration({ min: "1s", max: "24h" }).prefault("24h").meta({
      description:
        "A connection that sends nothing for so long is closed. Many senders notice that too late and lose a message; of those that died the kernel tells within minutes.",
    }),
    max_queue: byteSize({ min: "64KiB", max: "1GiB" }).prefault("8MiB").meta({
      description:
        "Messages that wait to be counted; beyond it connections wait, and datagrams are `lost: queue_full`.",
    }),
  })
  .check(checkLineOptions)
  .refine((source) => source.tls !== undefined || source.listen.every(isPlain), {
    error: "expected `certificate` and `key` for the address with tls",
    path: ["tls"],
  })
  .meta({ description: "Syslog by UDP, TCP and TLS." });

function isPlain({ transport }: SyslogAddress): boolean {
  return transport !== "tls";
}

/** The schema of a source of type `host`. */
export const hostSource = z
  .strictObject({
    type: z.literal("host").meta({ description: "Measurements of this host." }),
    ...common,
    interval: duration({ min: "1s", max: "1h" })
      .prefault("10s")
      .meta({ description: "The host is measured this often." }),
    procfs: z
      .string()
      .min(1)
      .prefault("/proc")
      .meta({
        description: "Where the kernel's files stand; in a container those of the host.",
        examples: ["/host/proc"],
      }),
    stream: z
      .string()
      .min(1)
      .max(1024)
      .prefault("system-metrics")
      .meta({ description: "Stream that the measurements belong to." }),
  })
  .meta({ description: "CPU, memory, disks, file systems, network, load and pressure of Linux." });
