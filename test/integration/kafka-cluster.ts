import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../end-to-end/program.ts";
import { findServer } from "./servers.ts";

const CLUSTER_ID = "dGFpbHJhY2UtdGVzdC0wMQ";
const STOP_WAIT_MS_MAX = 20_000;
const OUTPUT_LENGTH_MAX = 20_000;

/** One broker of a {@link KafkaCluster}, which is a controller, too. */
class KafkaBroker {
  readonly address: string;
  readonly #program: string;
  readonly #settings: string;
  #child: ChildProcess | undefined;
  #output = "";

  constructor(program: string, address: string, settings: string) {
    this.#program = program;
    this.address = address;
    this.#settings = settings;
  }

  /** Prepares its folder; once. */
  async format(): Promise<void> {
    const words = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", this.#settings];
    const child = this.#spawn(words);
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`Kafka's storage was not formatted: ${this.#output}`);
  }

  /** Starts it with what it holds; resolves when it takes connections. */
  async start(): Promise<void> {
    this.#output = "";
    const child = this.#spawn(["kafka.Kafka", this.#settings]);
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`Kafka ended with ${code}: ${this.#output}`)));
      const look = () => {
        if (this.#output.includes("Kafka Server started")) resolve();
      };
      child.stdout?.on("data", look);
      child.stderr?.on("data", look);
    });
  }

  /** Lets it neither answer nor end, or go on. */
  pause(isPaused: boolean): void {
    this.#child?.kill(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Ends it and waits until it is gone; one that takes too long is killed. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WAIT_MS_MAX);
    child.kill(signal);
    await gone;
    clearTimeout(timer);
  }

  #spawn(words: readonly string[]): ChildProcess {
    const child = spawn(this.#program, words, { stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-OUTPUT_LENGTH_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return child;
  }
}

/** Kafka for a test: one broker or several, in a folder of its own. */
export class KafkaCluster {
  readonly brokers: readonly KafkaBroker[];
  readonly #folder: string;

  private constructor(folder: string, brokers: readonly KafkaBroker[]) {
    this.#folder = folder;
    this.brokers = brokers;
  }

  /** Starts brokers on free ports of 127.0.0.1. Of three, two must hold what is acknowledged. */
  static async start(brokerCount: 1 | 3): Promise<KafkaCluster> {
    const program = findServer("kafka");
    if (program === undefined) throw new Error("no Kafka");
    const folder = await mkdtemp(join(tmpdir(), "tailrace-kafka-"));
    const ports = await freePorts(2 * brokerCount);
    const nodes = Array.from({ length: brokerCount }, (_, index) => ({
      id: index + 1,
      port: ports[2 * index] ?? 0,
      controllerPort: ports[2 * index + 1] ?? 0,
    }));
    const voters = nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`);
    const brokers: KafkaBroker[] = [];
    for (const node of nodes) {
      const place = join(folder, String(node.id));
      await mkdir(place);
      const settings = join(place, "server.properties");
      await writeFile(settings, properties(node, voters.join(","), join(place, "data")));
      brokers.push(new KafkaBroker(program, `127.0.0.1:${node.port}`, settings));
    }
    const cluster = new KafkaCluster(folder, brokers);
    try {
      for (const broker of brokers) await broker.format();
      await Promise.all(brokers.map((broker) => broker.start()));
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  /** Addresses of all brokers. */
  get addresses(): string[] {
    return this.brokers.map((broker) => broker.address);
  }

  /** Ends every broker and removes the folder. */
  async remove(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.stop("SIGKILL")));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

function properties(
  node: { readonly id: number; readonly port: number; readonly controllerPort: number },
  voters: string,
  dataFolder: string,
): string {
  const replicas = voters.includes(",") ? 3 : 1;
  const inSync = replicas === 3 ? 2 : 1;
  const lines = {
    "process.roles": "broker,controller",
    "node.id": node.id,
    "controller.quorum.voters": voters,
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${node.port}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": dataFolder,
    "num.partitions": 1,
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    // A broker that was stopped is out soon.
    "broker.session.timeout.ms": 6_000,
    "replica.lag.time.max.ms": 5_000,
    "log.cleaner.dedupe.buffer.size": 4_000_000,
    "log.cleaner.threads": 1,
    "auto.create.topics.enable": false,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": inSync,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
