/**
 * `tailrace demo`: an agent and an aggregator in one process, on real requests replayed as if they happened now. Everything is real: the log
 * file, the spool, HTTP, the store. Only the sample's times are shifted.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningAgent, startAgent } from "../../agent/agent.ts";
import { agentConfig } from "../../agent/config.ts";
import { type CommandIo, defineCommand, EXIT_DONE, EXIT_FAILED } from "../../shared/command.ts";
import { TailraceError } from "../../shared/errors.ts";
import { textLogger } from "../../shared/log.ts";
import type { DiskFile } from "../../shared/platform/disk.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { type Aggregator, startAggregator } from "../aggregator.ts";
import { type AggregatorConfig, aggregatorConfig } from "../config.ts";
import { type Embedded, openEmbedded } from "../embedded.ts";
import { DemoSample } from "./demo-sample.ts";
import { type DemoWindow, minuteLines, readFinalWindows, windowTable } from "./demo-windows.ts";

const SAMPLE = new URL("../../config/demo/train-ticket-requests.ndjson.gz", import.meta.url);
const PORT = 7400;
const MINUTE_MS = 60_000;
const HISTORY_MS = 30 * MINUTE_MS;
/**
 * With `--once` the sample ends so long ago, at the end of a minute: beyond `hold_max` an ended source makes its windows final at once, while
 * those of the last minute would stay open for lines that might still come.
 */
const ONCE_AGO_MS = 2 * MINUTE_MS;
const LOOK_MS = 250;
/** Longest wait for the windows of `--once` to become final; it takes a second or two. */
const ONCE_MS_MAX = 60_000;

/** The command. */
export const command = defineCommand({
  summary: "Runs an agent and an aggregator on sample logs and shows the windows they make.",
  examples: [
    ["tailrace demo", "the last 30 minutes at once, then on as time passes; Ctrl-C ends it"],
    ["tailrace demo --once", "the 30 minutes, until all is final; prints the windows and exits"],
  ],
  configure: (command) => {
    command.option("--once", "print the windows of 30 minutes and exit", false);
  },
  run: async (_operands, options, io) => {
    await using home = await io.temporaryDirectory();
    const isOnce = options["once"] === true;
    const demo = new Demo(io, home.path, isOnce);
    try {
      await demo.start();
      return isOnce ? await demo.showOnce() : await demo.follow();
    } finally {
      await demo.close();
    }
  },
});

class Demo {
  readonly #io: CommandIo;
  readonly #home: string;
  readonly #logPath: string;
  readonly #isOnce: boolean;
  readonly #startMs: number;
  #sample: DemoSample | undefined;
  #log: DiskFile | undefined;
  #logBytes = 0;
  #embedded: Embedded | undefined;
  #aggregator: Aggregator | undefined;
  #agent: RunningAgent | undefined;
  #fault: unknown;

  constructor(io: CommandIo, home: string, isOnce: boolean) {
    this.#io = io;
    this.#isOnce = isOnce;
    this.#home = home;
    this.#logPath = join(home, "requests.log");
    const nowMs = io.platform.clock.now();
    const endMs = isOnce ? Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - ONCE_AGO_MS : nowMs;
    this.#startMs = endMs - HISTORY_MS;
  }

  async start(): Promise<void> {
    const { platform } = this.#io;
    this.#sample = new DemoSample(await readWholeFile(platform.disk, fileURLToPath(SAMPLE)));
    this.#log = await platform.disk.open(this.#logPath, "create");
    await this.#write(this.#startMs + HISTORY_MS);
    const logger = textLogger(this.#io.stderr, () => platform.clock.now(), "warn");
    await this.#startAggregator(logger);
    this.#agent = await startAgent(
      platform,
      agentConfig.parse({
        id: "demo",
        data_dir: join(this.#home, "agent"),
        sources: [
          {
            name: "train-ticket",
            type: "file",
            paths: [this.#logPath],
            format: "json",
            start_at: "beginning",
          },
        ],
        flush_interval: "1s",
        ship: { endpoints: [this.#address] },
      }),
      { logger, hostname: this.#io.hostname, machine: this.#io.machine, once: this.#isOnce },
    );
    this.#watch(this.#agent.ended);
    this.#io.stderr(
      [
        "An agent and an aggregator run in this process, on requests of the Train Ticket system",
        `whose times are shifted to now. Windows: ${this.#address}/v1/windows?from=${new Date(this.#startMs).toISOString()}`,
        `Agents: ${this.#address}/v1/agents   Metrics: ${this.#address}/metrics   Log: ${this.#logPath}`,
        "",
        "",
      ].join("\n"),
    );
  }

  /** Prints every window when all are final. */
  async showOnce(): Promise<number> {
    const { clock, timers } = this.#io.platform;
    const deadlineMs = clock.monotonic() + ONCE_MS_MAX;
    while (clock.monotonic() < deadlineMs && !this.#io.signal.aborted) {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#agent?.isDrained === true) {
        const { windows, openCount } = await this.#read();
        if (openCount === 0 && windows.length > 0) {
          await this.#io.stdout(windowTable(windows));
          return EXIT_DONE;
        }
      }
      await timers.sleep(LOOK_MS, this.#io.signal);
    }
    this.#io.stderr("tailrace demo: the windows did not become final\n");
    return EXIT_FAILED;
  }

  /** Goes on with the sample as time passes, and prints minutes as they become final, until it is told to stop. */
  async follow(): Promise<number> {
    const { clock, timers } = this.#io.platform;
    const { signal } = this.#io;
    const printed = new Set<string>();
    while (!signal.aborted) {
      if (this.#fault !== undefined) throw this.#fault;
      await this.#write(clock.now());
      const { windows } = await this.#read();
      const fresh = windows.filter((window) => !printed.has(window.id));
      for (const window of fresh) printed.add(window.id);
      if (fresh.length > 0) await this.#io.stdout(minuteLines(fresh));
      await timers.sleep(LOOK_MS, signal);
    }
    return EXIT_DONE;
  }

  async close(): Promise<void> {
    await this.#agent?.close();
    await this.#aggregator?.close();
    await this.#embedded?.close();
    await this.#log?.close();
  }

  get #address(): string {
    return `http://127.0.0.1:${this.#aggregator?.port ?? PORT}`;
  }

  async #startAggregator(logger: ReturnType<typeof textLogger>): Promise<void> {
    const { platform } = this.#io;
    const config = aggregatorConfig.parse({ data_dir: join(this.#home, "aggregator") });
    const onFailed = (error: unknown) => {
      this.#fault = error;
    };
    const embedded = await openEmbedded(platform, config, { logger, onFailed });
    this.#embedded = embedded;
    const start = (port: number) => {
      const listening: AggregatorConfig = { ...config, listen: { host: "127.0.0.1", port } };
      const { log, store } = embedded;
      return startAggregator(platform, listening, { log, store, logger });
    };
    try {
      this.#aggregator = await start(PORT);
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== "LISTEN_FAILED") throw error;
      this.#io.stderr(`Port ${PORT} is taken; another one is used.\n`);
      this.#aggregator = await start(0);
    }
    this.#watch(this.#aggregator.ended);
  }

  #watch(ended: Promise<void>): void {
    ended.catch((error: unknown) => {
      this.#fault = error;
    });
  }

  async #write(untilMs: number): Promise<void> {
    const bytes = Buffer.from(this.#sample?.take(this.#startMs, untilMs) ?? "");
    await this.#log?.write(bytes, this.#logBytes);
    this.#logBytes += bytes.length;
  }

  #read(): Promise<{ readonly windows: readonly DemoWindow[]; readonly openCount: number }> {
    return readFinalWindows(this.#io.platform.network, this.#address, this.#startMs);
  }
}
