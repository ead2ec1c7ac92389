/** The schema of agent.yaml: types, defaults, limits and what the reference page says. */
import { z } from "zod";
import { secret } from "../shared/config/secret.ts";
import { uniqueNames } from "../shared/config/unique-names.ts";
import { byteSize, duration } from "../shared/config/units.ts";
import { eventOptions, LINE_OPTION_KEYS } from "../shared/events/event-options.ts";
import { eventOptionsConfig } from "../shared/events/event-options-config.ts";
import { eventCondition, eventFields, eventName } from "../shared/events/selectors-schema.ts";
import { STREAM_DEFAULT } from "../shared/protocol/batch.ts";
import { redactionConfig } from "../shared/redaction/redaction-config.ts";
import { countingSettings } from "./counting-settings.ts";
import { hostSource, journaldSource, stdinSource, syslogSource } from "./live-source-config.ts";
import { multilineConfig } from "./multiline-config.ts";
import { FORMAT_NAMES, lineOptionFaults } from "./parsers/registry.ts";
import { telemetryConfig } from "./telemetry/telemetry-config.ts";

const fileSource = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(128)
      .meta({
        description: "Name of the source, unique in the file; offsets are kept under it.",
        examples: ["app"],
      }),
    type: z.literal("file").meta({ description: "Lines of files on this host." }),
    paths: z
      .array(z.string().min(1))
      .min(1)
      .max(1000)
      .meta({
        description: "Glob patterns of the files to read.",
        examples: [["/var/log/app/*.log"]],
      }),
    exclude: z
      .array(z.string().min(1))
      .max(1000)
      .prefault([])
      .meta({
        description: "Glob patterns of files that are left out.",
        examples: [["/var/log/app/debug-*.log"]],
      }),
    format: z.enum(FORMAT_NAMES).prefault("auto").meta({
      description: "Format of the lines; `auto` decides for each file by its first lines.",
    }),
    inner: z.enum(FORMAT_NAMES).optional().meta({
      description: "Format of the lines inside of docker and cri; `auto` when left out.",
    }),
    ...eventOptionsConfig,
    service: z.string().min(1).max(1024).optional().meta({
      description:
        "Service of events that name none; when left out the name of the container in its logs, else the source's name.",
    }),
    stream: z
      .string()
      .min(1)
      .max(1024)
      .prefault(STREAM_DEFAULT)
      .meta({ description: "Stream that the windows belong to." }),
    multiline: multilineConfig,
    start_at: z.enum(["beginning", "end"]).prefault("end").meta({
      description: "Where to start in files that are already there when the source is first seen.",
    }),
    max_line: byteSize({ min: "1KiB", max: "16MiB" })
      .prefault("1MiB")
      .meta({ description: "Longer lines are rejected as `too_long`." }),
    rotate_wait: duration({ min: "0s", max: "1h" }).prefault("10s").meta({
      description:
        "A renamed or unlinked file that is unchanged for so long is finished; its last line counts without a line end.",
    }),
    ...countingSettings,
    max_open_files: z
      .int()
      .min(1)
      .max(100_000)
      .prefault(512)
      .meta({ description: "Most files of the source that are open at a time." }),
  })
  .check((context) => {
    for (const { option, fault } of lineOptionFaults(
      context.value.format,
      eventOptions(context.value),
    )) {
      const path = [LINE_OPTION_KEYS[option]];
      context.issues.push({ code: "custom", input: context.value, path, message: fault });
    }
  })
  .meta({ description: "Files to read." });

const pemFile = (description: string) => z.string().min(1).optional().meta({ description });

const shipConfig = z.strictObject({
  endpoints: z
    .array(
      z
        .url({ protocol: /^https?$/, error: "expected an address such as http://127.0.0.1:7400" })
        .refine((text) => !/^https?:\/\/[^/?#]*@/.test(text), {
          error: "expected no name and password in the address: they would be logged; use `token`",
        }),
    )
    .min(1)
    .max(32)
    .meta({
      description: "Addresses of aggregators; several are doors to one and the same log.",
      examples: [["http://127.0.0.1:7400"]],
    }),
  token: secret("What the aggregator knows this agent by.")
    .regex(/^[\x21-\x7e]+$/, { error: "expected a token without blanks" })
    .optional(),
  tls: z
    .strictObject({
      ca: pemFile("PEM file with the authorities that the aggregator's certificate may come from."),
      certificate: pemFile(
        "PEM file with this agent's certificate, which has to name its `id`, and those that lead to its root.",
      ),
      key: pemFile("PEM file with its key."),
    })
    .refine((tls) => (tls.certificate === undefined) === (tls.key === undefined), {
      error: "expected `certificate` and `key` together",
    })
    .optional()
    .meta({
      description:
        "For addresses with https: TLS 1.2 or later; the files are read again when they are renewed. Without it what this system trusts is trusted.",
      examples: [{ ca: "/etc/tailrace/ca.crt" }],
    }),
  timeout: duration({ min: "100ms", max: "10m" })
    .prefault("30s")
    .meta({ description: "Longest wait for the answer to one request." }),
  request_bytes: byteSize({ min: "1KiB", max: "4MiB" })
    .prefault("1MiB")
    .meta({ description: "Records are sent together up to this size; a longer one goes alone." }),
});

const spoolConfig = z
  .strictObject({
    max_bytes: byteSize({ min: "64KiB", max: "1TiB" }).prefault("1GiB").meta({
      description:
        "Largest size of the disk queue of batches that are not yet applied; at it reading stops.",
    }),
    segment_bytes: byteSize({ min: "4KiB", max: "1GiB" })
      .prefault("8MiB")
      .meta({ description: "A file of the disk queue is closed at this size." }),
  })
  .refine((spool) => spool.max_bytes >= 4 * spool.segment_bytes, {
    error: "expected at least four times `segment_bytes`",
    path: ["max_bytes"],
  });

const eventsConfig = z.strictObject({
  forbid: z
    .array(eventName)
    .max(1000)
    .prefault([])
    .meta({
      description: "Streams of which no event leaves this host, whatever rules ask for.",
      examples: [["audit"]],
    }),
  select: z
    .array(
      z.strictObject({
        stream: eventName.meta({ description: "Stream whose events are looked at." }),
        where: eventCondition.optional().meta({
          description: "Condition on the event; all events of the stream when left out.",
          examples: ["level == 'FATAL'"],
        }),
        fields: eventFields.min(1).meta({
          description: "Names of the fields that travel.",
          examples: [["service", "message"]],
        }),
      }),
    )
    .max(1000)
    .prefault([])
    .meta({ description: "Events that are sent in addition to those that rules ask for." }),
});

/** The schema of agent.yaml. */
export const agentConfig = z.strictObject({
  id: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({
      description: "Name of this agent; the host's name when left out.",
      examples: ["web-1"],
    }),
  data_dir: z
    .string()
    .min(1)
    .meta({
      description: "Folder of the disk queue; made when missing, used by one agent at a time.",
      examples: ["/var/lib/tailrace"],
    }),
  sources: z
    .array(
      z.discriminatedUnion("type", [
        fileSource,
        hostSource,
        journaldSource,
        stdinSource,
        syslogSource,
      ]),
    )
    .min(1)
    .max(1000)
    .check(uniqueNames("source"))
    .refine((sources) => sources.filter(({ type }) => type === "stdin").length <= 1, {
      error: "expected one source of type stdin: there is one standard input",
    })
    .meta({ description: "What to read." }),
  flush_interval: duration({ min: "10ms", max: "10m" })
    .prefault("5s")
    .meta({ description: "What was counted is sealed into a batch this often." }),
  poll_interval: duration({ min: "10ms", max: "10m" }).prefault("1s").meta({
    description:
      "Files are looked at and read this often, and right before each batch; renamed, new and removed ones are noticed within 100 ms.",
  }),
  max_future: duration({ min: "0s", max: "365d" }).prefault("10m").meta({
    description: "Events further ahead of this host's clock count, but do not move the watermark.",
  }),
  events: eventsConfig.prefault({}).meta({
    description:
      "What this host adds to the events that the aggregator's rules select, and what it forbids.",
  }),
  redact: redactionConfig.prefault({}).meta({
    description:
      "What is taken out of everything that leaves the sources, before it touches a disk: events, sample lines, raw lines, dimensions, names of services, and what `tap` shows.",
  }),
  ship: shipConfig.meta({ description: "Where batches go." }),
  spool: spoolConfig.prefault({}).meta({ description: "The disk queue of batches." }),
  telemetry: telemetryConfig
    .prefault({})
    .meta({ description: "What the agent tells of itself, and to whom." }),
});

/** A checked agent.yaml; durations are in milliseconds, sizes in bytes. */
export type AgentConfig = z.output<typeof agentConfig>;

/** One checked entry of `sources`. */
export type SourceConfig = AgentConfig["sources"][number];

/** One checked entry of `sources` of some type. */
export type SourceConfigOf<Type extends SourceConfig["type"]> = Extract<
  SourceConfig,
  { readonly type: Type }
>;
