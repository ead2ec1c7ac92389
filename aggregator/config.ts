/** The schema of aggregator.yaml, composed from the schemas of its parts. */
import { join } from "node:path";
import { z } from "zod";
import { present } from "../shared/assert.ts";
import { type ListenAddress, listenAddress } from "../shared/config/listen-address.ts";
import { uniqueNames } from "../shared/config/unique-names.ts";
import { byteSize, duration } from "../shared/config/units.ts";
import { type AggregateConfig, aggregateSetting } from "../shared/events/aggregate-config.ts";
import type { TlsPaths } from "../shared/platform/tls-files.ts";
import { type RedactionConfig, redactionConfig } from "../shared/redaction/redaction-config.ts";
import type { AccessMode } from "./access/access-door.ts";
import { isLoopback } from "./access/local-caller.ts";
import { type AlertsConfig, alertsSettings } from "./alerts-config.ts";
import { ownFiles } from "./sinks/own-files.ts";
import { sinks } from "./sinks/registry.ts";
import type { ConfiguredSink } from "./sinks/sink.ts";
import { sources } from "./sources/registry.ts";
import type { ConfiguredSource } from "./sources/source.ts";

/** What one request may hold, and all together. */
export interface AggregatorLimits {
  readonly bodyBytesMax: number;
  readonly recordCountMax: number;
  readonly recordBytesMax: number;
  readonly requestRawBytesMax: number;
  readonly inFlightBytesMax: number;
  readonly agentRequestCountMax: number;
  readonly connectionCountMax: number;
  readonly addressConnectionCountMax: number;
  readonly addressRequestsPerSecond: number;
  readonly requestTimeoutMs: number;
  /** Size at which the log takes no more. */
  readonly logBytesMax: number;
}

/** How event time is followed. */
export interface TimeSettings {
  readonly outOfOrdernessMs: number;
  readonly holdMaxMs: number;
  readonly idleAfterMs: number;
  readonly maxFutureMs: number;
}

/** Where the archive is, and how much it keeps. */
export interface ArchiveConfig {
  readonly directory: string;
  readonly bytesMax: number;
  readonly retentionMs: number;
  readonly intervalMs: number;
}

/** A checked aggregator.yaml, under the names of the program. */
export interface AggregatorConfig {
  readonly listen: ListenAddress;
  /** Undefined: plain HTTP. */
  readonly tls: TlsPaths | undefined;
  readonly access: AccessMode;
  readonly dataDir: string;
  readonly sources: readonly ConfiguredSource[];
  /** What is taken out of records of sources and of posted ones before they are kept. */
  readonly redact: RedactionConfig;
  /** How windows of posted events are kept apart; undefined: they are not. */
  readonly postedAggregate: AggregateConfig | undefined;
  readonly sinks: readonly ConfiguredSink[];
  /** Rule files and folders of them, also as globs. */
  readonly rules: readonly string[];
  readonly alerts: AlertsConfig;
  readonly windowsRetentionMs: number;
  readonly linesRetentionMs: number;
  readonly linesBytesMax: number;
  /** Of roll-ups of five minutes, an hour and a day. */
  readonly rollUpRetentionsMs: readonly number[];
  /** Undefined: nothing is archived. */
  readonly archive: ArchiveConfig | undefined;
  readonly limits: AggregatorLimits;
  readonly time: TimeSettings;
}

const archive = z
  .strictObject({
    dir: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "The archive's folder; default `archive` in data_dir." }),
    max_bytes: byteSize({ min: "16MiB", max: "1000TiB" })
      .prefault("10GiB")
      .meta({ description: "Beyond this size the oldest days are deleted." }),
    retention: duration({ min: "1d", max: "36500d" })
      .prefault("90d")
      .meta({ description: "Days older than this are deleted; in event time." }),
    interval: duration({ min: "1s", max: "1d" }).prefault("15m").meta({
      description:
        "How long what comes waits at most for its file; longer makes fewer files. A clean stop waits for nothing.",
    }),
  })
  .meta({
    description:
      "Keeps events and parts of windows as Parquet files, for `tailrace query` and `tailrace rules backtest`. Absent: nothing is archived.",
    examples: [{ max_bytes: "100GiB" }],
  });

const lines = z
  .strictObject({
    retention: duration({ min: "1h", max: "3650d" })
      .prefault("7d")
      .meta({ description: "How long raw lines are kept, in event time." }),
    max_bytes: byteSize({ min: "1MiB", max: "16TiB" }).prefault("1GiB").meta({
      description:
        "Size of the raw lines in a partition's store; beyond it the oldest are deleted.",
    }),
  })
  .meta({
    description: "Raw lines that agents send for search; `lines:` of their sources says which.",
  });

const limits = z
  .strictObject({
    body: byteSize({ min: "4MiB", max: "7MiB" })
      .prefault("4MiB")
      .meta({ description: "Largest body of a request; it becomes one record of the log." }),
    records: z
      .int()
      .min(1)
      .max(100_000)
      .prefault(4_096)
      .meta({ description: "Most records in one request." }),
    record: byteSize({ min: "4MiB", max: "64MiB" })
      .prefault("16MiB")
      .meta({ description: "Largest uncompressed record." }),
    request: byteSize({ min: "4MiB", max: "256MiB" })
      .prefault("64MiB")
      .meta({ description: "Most uncompressed bytes of one request's records together." }),
    in_flight: byteSize({ min: "8MiB", max: "16GiB" }).prefault("128MiB").meta({
      description: "Most bytes of all requests under way; more are answered 503 and come again.",
    }),
    agent_requests: z
      .int()
      .min(1)
      .max(64)
      .prefault(4)
      .meta({ description: "Most requests of one agent under way; more are answered 429." }),
    connections: z
      .int()
      .min(1)
      .max(65_535)
      .prefault(1_024)
      .meta({ description: "Most open connections." }),
    address_connections: z
      .int()
      .min(1)
      .max(65_535)
      .prefault(256)
      .meta({ description: "Most open connections of one address." }),
    address_requests: z.int().min(1).max(1_000_000).prefault(500).meta({
      description:
        "Most requests of one address in a second; twice as many may come at once, further ones are answered 429.",
    }),
    request_timeout: duration({ min: "100ms", max: "10m" })
      .prefault("30s")
      .meta({ description: "Longest wait for a whole request." }),
    log: byteSize({ min: "16MiB", max: "16TiB" })
      .prefault("4GiB")
      .meta({ description: "Size at which the log takes no more; agents then wait." }),
  })
  .meta({ description: "What a request may hold, and all together." });

const pemFile = (description: string) => z.string().min(1).meta({ description });

const tls = z
  .strictObject({
    certificate: pemFile("PEM file with the server's certificate and those that lead to its root."),
    key: pemFile("PEM file with its key."),
    client_ca: pemFile(
      "PEM file with the authorities whose certificates agents may show instead of a token; an agent speaks only for the ids that its certificate names.",
    ).optional(),
  })
  .meta({
    description:
      "TLS 1.2 or later; the files are read again when they are renewed. With it callers need credentials.",
    examples: [{ certificate: "/etc/tailrace/server.crt", key: "/etc/tailrace/server.key" }],
  });

const access = z
  .strictObject({
    insecure: z
      .boolean()
      .prefault(false)
      .meta({ description: "True to let whoever reaches `listen` send and read." }),
  })
  .meta({
    description:
      "Callers need a token (`tailrace token create`) or, as agents, a certificate. Absent without `tls`: no credentials are asked for, and `listen` has to be an address that only this machine reaches.",
    examples: [{}],
  });

const time = z
  .strictObject({
    out_of_orderness: duration({ max: "1d" }).prefault("10s").meta({
      description: "How far events may arrive behind later ones before their window is final.",
    }),
    hold_max: duration({ min: "1s", max: "30d" }).prefault("60s").meta({
      description: "How far behind the most advanced source a slow one may hold windows open.",
    }),
    idle_after: duration({ min: "1s", max: "1d" }).prefault("30s").meta({
      description: "A source from which nothing came for this long holds nothing open.",
    }),
    max_future: duration({ max: "30d" }).prefault("10m").meta({
      description: "Events further ahead of the clock are counted but move no other window.",
    }),
  })
  .meta({ description: "How event time is followed." });

const posted = z.strictObject({ aggregate: aggregateSetting }).meta({
  description: "What is posted to `/v1/events` and `/v1/logs`.",
  examples: [{ aggregate: { dimensions: ["endpoint"] } }],
});

const rollUpRetention = (text: string, what: string) =>
  duration({ min: "1h", max: "36500d" })
    .prefault(text)
    .meta({ description: `How long windows of ${what} are kept.` });

const rollUps = z
  .strictObject({
    "5m": rollUpRetention("30d", "five minutes"),
    "1h": rollUpRetention("365d", "an hour"),
    "1d": rollUpRetention("3650d", "a day"),
  })
  .meta({
    description:
      "How long roll-ups are kept, in event time; none is kept shorter than the windows that it is made of.",
    examples: [{ "1h": "730d" }],
  });

// The kinds stand in a registry that loads them when asked; their schemas are needed as soon as this one is.
const [firstKind, ...otherKinds] = await Promise.all(
  Object.values(sinks).map(async (load) => (await load()).sink.schema),
);

const sinkList = z
  .array(z.discriminatedUnion("type", [present(firstKind, "a kind of sink"), ...otherKinds]))
  .check(uniqueNames("sink"), ownFiles)
  .prefault([])
  .meta({
    description: "Where windows and alerts go, each to all that take them.",
    examples: [[{ name: "out", type: "file", path: "windows.ndjson" }]],
  });

const [firstSource, ...otherSources] = await Promise.all(
  Object.values(sources).map(async (load) => (await load()).source.schema),
);

const sourceList = z
  .array(z.discriminatedUnion("type", [present(firstSource, "a kind of source"), ...otherSources]))
  .check(uniqueNames("source"))
  .prefault([])
  .meta({
    description: "What is read beside what agents send.",
    examples: [
      [{ name: "bus", type: "kafka", brokers: ["127.0.0.1:9092"], topics: ["application-logs"] }],
    ],
  });

/** Checks an aggregator.yaml; the result is an {@link AggregatorConfig}. */
export const aggregatorConfig = z
  .strictObject({
    listen: listenAddress.prefault("127.0.0.1:7400").meta({
      description: "Address for agents, queries and metrics; port 0 takes any free one.",
      examples: ["127.0.0.1:7400"],
    }),
    tls: tls.optional(),
    access: access.optional(),
    data_dir: z
      .string()
      .min(1)
      .prefault("/var/lib/tailrace-aggregator")
      .meta({ description: "Folder for the log and the store; one process at a time uses it." }),
    sources: sourceList,
    posted: posted.prefault({}),
    redact: redactionConfig.prefault({}).meta({
      description:
        "What is taken out of the records of `sources` and of posted ones before anything of them is kept: events, sample lines, dimensions, names of services, dead letters. What agents send was redacted by them.",
    }),
    sinks: sinkList,
    rules: z
      .array(z.string().min(1))
      .prefault([])
      .meta({
        description:
          "Rule files, folders of them, or globs; read again when they change. Relative paths begin where the aggregator was started.",
        examples: [["/etc/tailrace/rules/*.yaml"]],
      }),
    alerts: alertsSettings.prefault({}),
    windows_retention: duration({ min: "1h", max: "3650d" })
      .prefault("30d")
      .meta({
        description: "How long windows are kept and corrected, and alerts kept; in event time.",
        examples: ["30d"],
      }),
    rollups_retention: rollUps.prefault({}),
    lines: lines.prefault({}),
    archive: archive.optional(),
    time: time.prefault({}),
    limits: limits.prefault({}),
  })
  .check(({ value, issues }) => {
    const isOpen = value.tls === undefined && value.access?.insecure !== true;
    if (!isOpen || isLoopback(value.listen.host)) return;
    const message =
      "other machines reach this address, and without `tls` they could read tokens on the way: set `tls`, listen on 127.0.0.1, or say " +
      "`access: { insecure: true }` if everybody who reaches it may send and read";
    issues.push({ code: "custom", input: value, path: ["listen"], message });
  })
  .transform((read): AggregatorConfig => {
    const isAsked = read.tls !== undefined || read.access !== undefined;
    return {
      listen: read.listen,
      tls: read.tls && {
        certificate: read.tls.certificate,
        key: read.tls.key,
        authorities: read.tls.client_ca,
      },
      access: read.access?.insecure === true ? "insecure" : isAsked ? "credentials" : "local",
      dataDir: read.data_dir,
      sources: read.sources,
      redact: read.redact,
      postedAggregate: read.posted.aggregate,
      sinks: read.sinks,
      rules: read.rules,
      alerts: {
        externalUrl: read.alerts.external_url?.replace(/\/+$/, ""),
        inhibitRules: read.alerts.inhibit_rules,
      },
      windowsRetentionMs: read.windows_retention,
      linesRetentionMs: read.lines.retention,
      linesBytesMax: read.lines.max_bytes,
      rollUpRetentionsMs: (["5m", "1h", "1d"] as const).map(
        (width) => read.rollups_retention[width],
      ),
      archive: read.archive && {
        directory: read.archive.dir ?? join(read.data_dir, "archive"),
        bytesMax: read.archive.max_bytes,
        retentionMs: read.archive.retention,
        intervalMs: read.archive.interval,
      },
      time: {
        outOfOrdernessMs: read.time.out_of_orderness,
        holdMaxMs: read.time.hold_max,
        idleAfterMs: read.time.idle_after,
        maxFutureMs: read.time.max_future,
      },
      limits: {
        bodyBytesMax: read.limits.body,
        recordCountMax: read.limits.records,
        recordBytesMax: read.limits.record,
        requestRawBytesMax: read.limits.request,
        inFlightBytesMax: read.limits.in_flight,
        agentRequestCountMax: read.limits.agent_requests,
        connectionCountMax: read.limits.connections,
        addressConnectionCountMax: read.limits.address_connections,
        addressRequestsPerSecond: read.limits.address_requests,
        requestTimeoutMs: read.limits.request_timeout,
        logBytesMax: read.limits.log,
      },
    };
  });
