import { Archiver } from "../../../../aggregator/archive/archiver.ts";
import { filesOfBlock } from "../../../../aggregator/archive/tables.ts";
import {
  ArchiveQueue,
  type ArchiveSettings,
} from "../../../../aggregator/process/archive-queue.ts";
import {
  type ArchiveItem,
  readArchiveRow,
  readBlock,
} from "../../../../aggregator/state/archive-rows.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import type { Logger } from "../../../../shared/log.ts";
import type { TreeNode } from "../../../../shared/platform/simulated/file-tree.ts";
import { SimulatedHost } from "../../../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../../../shared/platform/simulated/simulation.ts";
import { JsonWriter, plain } from "./json-writer.ts";

const DIRECTORY = "/archive";
const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} };

/** A queue whose commits are durable, and an archiver on a simulated disk, both of which may die at any moment. */
export class ArchiveWorld {
  readonly simulation: Simulation;
  readonly host: SimulatedHost;
  readonly store = new MemoryStore();
  readonly fatal: unknown[] = [];
  process: SimulatedProcess;
  archiver: Archiver;
  private readonly settings: ArchiveSettings;
  private readonly bytesMax: number;
  private queue: ArchiveQueue;

  constructor(seed: number, settings: ArchiveSettings, bytesMax = 2 ** 40) {
    this.simulation = new Simulation(seed);
    this.host = new SimulatedHost(this.simulation, "host1", new SimulatedNetwork(this.simulation));
    this.settings = settings;
    this.bytesMax = bytesMax;
    this.process = this.host.start("aggregator");
    this.archiver = this.startArchiver();
    this.queue = this.openQueue();
  }

  /** Adds items and commits, with what is to be deleted. */
  async commit(items: readonly ArchiveItem[]): Promise<void> {
    this.queue.observeClock(this.host.now());
    for (const item of items) this.queue.add(item);
    this.queue.run(() => false);
    await this.store.commit(this.queue.flush());
  }

  /** Adds items that are lost in a crash before the commit. */
  loseCommit(items: readonly ArchiveItem[]): void {
    for (const item of items) this.queue.add(item);
    this.queue.flush();
    this.queue = this.openQueue();
  }

  async pass(ms: number): Promise<void> {
    await this.simulation.run(this.simulation.timeMs + ms);
    if (this.fatal.length > 0) throw this.fatal[0];
  }

  /** Starts again after a kill or a power cut. */
  restart(isPowerCut: boolean): void {
    if (isPowerCut) this.host.crash();
    else this.process.kill();
    this.process = this.host.start("aggregator");
    this.archiver = this.startArchiver();
    this.queue = this.openQueue();
  }

  /** Lets all blocks be closed, written and deleted. */
  async drain(): Promise<void> {
    await this.pass(this.settings.intervalMs);
    for (let round = 0; round < 100 && readArchiveRow(this.store).waitingBytes > 0; round++) {
      await this.commit([]);
      await this.pass(5_000);
    }
  }

  /** Paths of the archive's files. */
  paths(): string[] {
    return filesBelow(this.host.disk.files.find(DIRECTORY), DIRECTORY).toSorted();
  }

  /** Files that have their own name but not all that belongs into them, of items that were committed in these blocks. */
  tornFiles(...blocks: readonly (readonly ArchiveItem[])[]): string[] {
    let position = 0;
    const whole = new Map<string, string>();
    for (const items of blocks) {
      const numbered = items.map((item) => [position++, item] as const);
      for (const { path, rows } of filesOfBlock(0, numbered)) {
        const lines = rows.map((row) => `${JSON.stringify(row.map(plain))}\n`);
        whole.set(`${DIRECTORY}/${path}`, lines.join(""));
      }
    }
    return this.paths().filter((path) => {
      const content = String(this.host.disk.contentOf(path));
      return path.endsWith(".parquet") && content !== whole.get(path);
    });
  }

  /** All rows of all files, in order, as texts. */
  archivedRows(): string[] {
    return this.paths()
      .flatMap((path) => String(this.host.disk.contentOf(path)).split("\n").slice(0, -1))
      .toSorted(byPosition);
  }

  /** The rows that items become when nothing happens to them. */
  static rowsOf(items: readonly ArchiveItem[]): string[] {
    const numbered = items.map((item, position) => [position, item] as const);
    return filesOfBlock(0, numbered)
      .flatMap(({ rows }) => rows.map((row) => JSON.stringify(row.map(plain))))
      .toSorted(byPosition);
  }

  /** Items that have yet to be archived. */
  waitingItems(): number {
    const { block, firstBlock } = readArchiveRow(this.store);
    let count = 0;
    for (let at = firstBlock; at <= block; at++) count += [...readBlock(this.store, at)].length;
    return count;
  }

  private openQueue(): ArchiveQueue {
    const { archiver } = this;
    return new ArchiveQueue(this.store, this.settings, {
      writtenBlocks: () => archiver.writtenBlocks(0),
      isDraining: () => archiver.isDraining,
    });
  }

  private startArchiver(): Archiver {
    const { platform } = this.process;
    return new Archiver({
      platform,
      logger: silent,
      directory: DIRECTORY,
      limits: { bytesMax: this.bytesMax, retentionMs: 2 ** 50 },
      partitions: [0],
      view: () => this.store,
      openWriter: async () => new JsonWriter(platform.disk),
      onFatal: (error) => this.fatal.push(error),
    });
  }
}

function filesBelow(node: TreeNode | undefined, path: string): string[] {
  if (node === undefined) return [];
  if (node.kind === "file") return [path];
  return [...node.entries].flatMap(([name, entry]) => filesBelow(entry, `${path}/${name}`));
}

function byPosition(a: string, b: string): number {
  return positionOf(a) - positionOf(b);
}

function positionOf(row: string): number {
  const [, position]: [number, number] = JSON.parse(row);
  return position;
}
