import { gunzipSync, gzipSync } from "node:zlib";
import { FileSource } from "../../agent/source/file-source.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import { SimulatedNetwork } from "../../shared/platform/simulated/simulated-network.ts";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";
import { Simulation } from "../../shared/platform/simulated/simulation.ts";
import type { Checkpoint, LedgerEntry } from "../../shared/protocol/batch.ts";
import { JoiningSink } from "../unit/agent/source/joining-sink.ts";
import { RecountingSink } from "../unit/agent/source/recounting-sink.ts";

/** How a log lives. */
export interface LogLife {
  readonly seed: number;
  /** Whether the pattern finds rotated files too. */
  readonly isRotatedMatched: boolean;
  /** Whether rotated files go into a folder of their own, if the pattern finds them. */
  readonly hasOldFolder?: boolean;
  /** Whether the newest rotated file has the highest number; else numbers shift. */
  readonly isCountingUp: boolean;
  /** Whether rotated files are there before the source is. */
  readonly hasOldFiles: boolean;
  /** Whether opening and reading fail now and then. */
  readonly isDiskFailing?: boolean;
  /** Whether two of three lines go on with the event before. */
  readonly isJoining?: boolean;
}

/** What writers and rotators do. */
export type Change =
  | "append"
  | "appendHalf"
  | "rename"
  | "copytruncate"
  | "copyPart"
  | "copy"
  | "truncateAfterCopy"
  | "truncate"
  | "remove"
  | "removeOldest"
  | "pack";

/** One thing that happens. */
export type Action = Change | "discover" | "read" | "cut" | "crash" | "wait";

/** How it happens. */
export interface ActionDetails {
  readonly lines?: number | undefined;
  readonly bytes?: number | undefined;
  readonly during?: Change | undefined;
  readonly delayMs?: number | undefined;
}

/** A rotated file that is being packed. */
interface Packing {
  readonly path: string;
  /** What is still to be written. */
  readonly rest: Buffer;
  isWritten: boolean;
}

const LOG = "/logs/x.log";
const OLD_LOG = "/logs/old/x.log";
const ROTATE_WAIT_MS = 10_000;

/** A log, its rotated files, and a file source that follows them; and what is expected of it. */
export class LogWorld {
  /** What went wrong. */
  readonly faults: string[] = [];
  private readonly life: LogLife;
  private readonly simulation: Simulation;
  private readonly host: SimulatedHost;
  private process: SimulatedProcess;
  private sink: RecountingSink | JoiningSink = new RecountingSink();
  private source: FileSource;
  private nextFile = 1;
  private readonly stored = new Map<number, Checkpoint>();
  private ledger: readonly LedgerEntry[] = [];
  private readonly counted = new Map<string, number>();
  private readonly written = new Set<string>();
  private readonly destroyed = new Set<string>();
  private lineCount = 0;
  private half = "";
  private hasCopy = false;
  /** The path of a copy that is not complete yet. */
  private copying: string | undefined;
  private hasGrownSinceCopy = false;
  private rotations = 0;
  private packing: Packing | undefined;
  /** The path of rotated files without their endings. */
  private readonly base: string;

  constructor(life: LogLife) {
    this.life = life;
    this.base = life.hasOldFolder === true && life.isRotatedMatched ? OLD_LOG : LOG;
    this.simulation = new Simulation(life.seed);
    this.host = new SimulatedHost(this.simulation, "host1", new SimulatedNetwork(this.simulation));
    if (life.hasOldFiles && !life.isRotatedMatched) {
      this.host.disk.append(`${LOG}.1`, Buffer.from("old line that nobody asked for\n"));
      this.rotations = 1;
    }
    // Makes the folder.
    if (this.base === OLD_LOG) this.host.disk.append("/logs/old/README", Buffer.alloc(0));
    this.process = this.host.start("agent");
    this.source = this.start();
  }

  /** Lets one thing happen; `during` happens while the source is at work. */
  async act(action: Action, how: ActionDetails) {
    await this.begin();
    await this.pass(5);
    const { during } = how;
    if (during !== undefined) {
      const delayMs = how.delayMs ?? 0;
      this.simulation.schedule(delayMs, during, () => this.change(during, how));
    }
    if (action === "discover") {
      const mayForget = !this.hasCopy && during === undefined;
      await this.drive(this.source.discover());
      if (mayForget) this.hasGrownSinceCopy = false;
    } else if (action === "read") await this.drive(this.source.read(how.bytes ?? 1));
    else if (action === "cut") this.cut();
    else if (action === "crash") this.crash();
    else if (action === "wait") await this.pass(ROTATE_WAIT_MS + 1_000);
    else this.change(action, how);
  }

  /** Something happens to the log. */
  private change(action: Change, how: ActionDetails): void {
    if (action === "append") this.append(how.lines ?? 1);
    else if (action === "appendHalf") this.appendHalf();
    else if (action === "rename") this.rotate(true);
    else if (action === "copytruncate") {
      this.copy();
      this.truncateAfterCopy();
    } else if (action === "copyPart") this.copyPart((how.bytes ?? 1) - 1);
    else if (action === "copy") this.copy();
    else if (action === "truncateAfterCopy") this.truncateAfterCopy();
    else if (action === "truncate") this.truncate();
    else if (action === "remove") this.remove();
    else if (action === "pack") this.pack();
    else this.removeOldest();
  }

  /**
   * Generations that come and go unseen under names that no pattern finds can only be found from a known one on. So there the log
   * is known from the start, and nothing is destroyed.
   */
  private async begin(): Promise<void> {
    if (this.life.isRotatedMatched || this.lineCount > 0) return this.letDiskBreak();
    await this.pass(1_000);
    this.append(1);
    await this.drive(this.source.discover());
    this.cut();
    this.letDiskBreak();
  }

  private letDiskBreak(): void {
    const { faults } = this.host.disk;
    if (!this.life.isDiskFailing || faults.size > 0) return;
    faults.add({ path: "/logs", operations: ["open", "read"], code: "EIO", share: 0.15 });
  }

  /** Lets the source come to its end, then looks what is missing. */
  async settle(): Promise<void> {
    this.host.disk.faults.clear();
    await this.pass(40_000);
    this.endCopy();
    this.endPacking();
    this.appendHalf();
    if (this.half !== "") this.appendHalf();
    for (let round = 0; round < 8; round++) {
      await this.drive(this.source.discover());
      while ((await this.drive(this.source.read(1_000_000))) > 0);
      this.cut();
      await this.pass(ROTATE_WAIT_MS + 1_000);
    }
    const isJoining = this.life.isJoining === true;
    for (const line of this.written) {
      // Lines that go on with an event may come after it was counted.
      if (isJoining && !beginsEvent(line)) continue;
      if (!this.counted.has(line) && !this.destroyed.has(line)) {
        this.faults.push(`${line} was not counted`);
      }
    }
    for (const line of this.counted.keys()) {
      if (!this.written.has(line)) this.faults.push(`counted what was not written: ${line}`);
    }
    const aggregated = this.ledger.find((entry) => entry.kind === "aggregated");
    const lines = [...this.counted.keys()].filter((line) => !isJoining || beginsEvent(line));
    if ((aggregated?.lines ?? 0) !== lines.length) {
      this.faults.push(`the ledger says ${aggregated?.lines} lines, ${lines.length} counted`);
    }
    if (this.destroyed.size === 0) this.checkLedger();
    if (this.source.backlogBytes !== 0) this.faults.push("a backlog is left");
  }

  /** Nothing was destroyed: then every byte written stands on one side of the ledger, and none is lost. */
  private checkLedger(): void {
    let bytes = 0;
    for (const entry of this.ledger) {
      // What could never be read and is gone, although its copy was read.
      if (this.life.isDiskFailing === true && entry.reason === "gone_unread") continue;
      bytes += entry.bytes;
      if (entry.kind === "lost") this.faults.push(`${entry.bytes} bytes are ledgered as lost`);
    }
    const expected = [...this.written].reduce((sum, line) => sum + line.length + 1, 0);
    if (bytes !== expected) this.faults.push(`${bytes} of ${expected} bytes are in the ledger`);
  }

  private start(): FileSource {
    this.sink =
      this.life.isJoining === true ? new JoiningSink(beginsEvent, 300) : new RecountingSink();
    const numbers = [0, ...this.stored.keys()];
    this.nextFile = Math.max(...numbers) + 1;
    const silent = () => undefined;
    return new FileSource({
      name: "app",
      settings: {
        paths: this.life.isRotatedMatched ? ["/logs/*.log*", "/logs/old/*.log*"] : ["/logs/*.log"],
        exclude: [],
        service: "app",
        lineBytesMax: 200,
        rotateWaitMs: ROTATE_WAIT_MS,
        eventWaitMs: 1000,
        idleAfterMs: 30_000,
        handleCountMax: 3,
      },
      platform: this.process.platform,
      counter: this.sink,
      checkpoints: [...this.stored.values()].filter((checkpoint) => !checkpoint.removed),
      ledger: this.ledger,
      allocateFile: () => this.nextFile++,
      startAt: "beginning",
      maxFutureMs: 600_000,
      once: false,
      logger: { error: silent, warn: silent, info: silent, debug: silent },
      bufferBytes: 1_024,
    });
  }

  private cut(): void {
    const lines = this.sink.lines.flatMap((line) => line.split("\n"));
    const cut = this.source.cut();
    for (const checkpoint of cut.checkpoints) this.stored.set(checkpoint.file, checkpoint);
    this.ledger = cut.ledger;
    for (const line of lines) {
      const count = (this.counted.get(line) ?? 0) + 1;
      this.counted.set(line, count);
      if (count > 1) this.faults.push(`${line} was counted ${count} times`);
    }
  }

  /**
   * One case is known to double lines: a copy shorter than a fingerprint is made, its log grows and is read on, the agent dies, and the log
   * is truncated before it is back. Nothing that was stored tells then what the copy is.
   */
  private crash(): void {
    if (this.hasGrownSinceCopy) return;
    this.process.kill();
    this.process = this.host.start("agent");
    this.source = this.start();
  }

  private append(count: number): void {
    if (this.half !== "") this.appendHalf();
    if (this.mustTruncate()) return;
    let text = "";
    for (let index = 0; index < count; index++) {
      const line = `<line ${++this.lineCount} ${"x".repeat((this.lineCount * 7) % 90)}>`;
      this.written.add(line);
      text += `${line}\n`;
    }
    this.host.disk.append(LOG, Buffer.from(text));
    if (this.hasCopy) this.hasGrownSinceCopy = true;
  }

  /** Writes half a line, or the other half of the last one. */
  private appendHalf(): void {
    if (this.half !== "") {
      this.host.disk.append(LOG, Buffer.from(`${this.half}\n`));
      this.half = "";
      return;
    }
    if (this.mustTruncate()) return;
    const line = `<line ${++this.lineCount} in two halves>`;
    this.written.add(line);
    this.host.disk.append(LOG, Buffer.from(line.slice(0, 9)));
    this.half = line.slice(9);
    if (this.hasCopy) this.hasGrownSinceCopy = true;
  }

  /**
   * What is written between copy and truncation is destroyed, and where no pattern finds the copy nobody can tell it from other files. The next
   * line comes a moment later: generations of one millisecond cannot be told apart.
   */
  private mustTruncate(): boolean {
    if (this.life.isRotatedMatched || !this.hasCopy) return false;
    this.truncateAfterCopy();
    return true;
  }

  /** Only whole lines are rotated: half ones are the matter of tests of their own. */
  private endLine(): void {
    if (this.half !== "") this.appendHalf();
  }

  private shift(): string {
    const { disk } = this.host;
    this.endPacking();
    if (this.life.isCountingUp) return `${this.base}.${++this.rotations}`;
    for (let number = this.rotations; number >= 1; number--) {
      const path = this.rotated(number);
      if (path === undefined) continue;
      disk.rename(path, `${this.base}.${number + 1}${isPacked(path) ? ".gz" : ""}`);
    }
    this.rotations++;
    return `${this.base}.1`;
  }

  /** The path of the rotated file with a number, packed or not. */
  private rotated(number: number): string | undefined {
    const path = `${this.base}.${number}`;
    return [path, `${path}.gz`].find((one) => this.host.disk.contentOf(one) !== undefined);
  }

  /** The next step of packing the newest rotated file, as gzip does it: half of the packed file is written, the rest, then the file goes. */
  private pack(): void {
    const { disk } = this.host;
    const { packing } = this;
    if (packing === undefined) {
      if (!this.hasCopy) this.beginPacking();
    } else if (packing.isWritten) {
      disk.remove(packing.path);
      this.packing = undefined;
    } else {
      disk.append(`${packing.path}.gz`, packing.rest);
      disk.copyModified(packing.path, `${packing.path}.gz`);
      packing.isWritten = true;
    }
  }

  private beginPacking(): void {
    const { disk } = this.host;
    const numbers = [...Array(this.rotations).keys()].map((index) => index + 1);
    const newestFirst = this.life.isCountingUp ? numbers.reverse() : numbers;
    const path = newestFirst
      .map((number) => this.rotated(number))
      .find((found) => found !== undefined && !isPacked(found));
    const content = path === undefined ? undefined : disk.contentOf(path);
    if (path === undefined || content === undefined) return;
    const packed = gzipSync(content);
    const half = packed.length >> 1;
    disk.append(`${path}.gz`, packed.subarray(0, half));
    this.packing = { path, rest: packed.subarray(half), isWritten: false };
  }

  private endPacking(): void {
    while (this.packing !== undefined) this.pack();
  }

  private rotate(isRecreated: boolean): void {
    this.endLine();
    // Who copies, truncates then.
    if (this.host.disk.contentOf(LOG) === undefined || this.hasCopy) return;
    this.host.disk.rename(LOG, this.shift());
    if (isRecreated) this.host.disk.append(LOG, Buffer.alloc(0));
  }

  private copy(): void {
    this.endLine();
    this.copyPart(0);
    this.endCopy();
  }

  /** Makes a copy that holds only the first bytes so far, if any. */
  private copyPart(bytes: number): void {
    const content = this.host.disk.contentOf(LOG);
    if (content === undefined || this.hasCopy) return;
    this.copying = this.shift();
    this.host.disk.append(this.copying, content.subarray(0, bytes));
    this.hasCopy = true;
  }

  private endCopy(): void {
    const { copying } = this;
    const { disk } = this.host;
    this.copying = undefined;
    if (copying === undefined) return;
    disk.append(copying, disk.contentOf(LOG)?.subarray(disk.lengthOf(copying)) ?? Buffer.alloc(0));
  }

  private truncateAfterCopy(): void {
    if (!this.hasCopy) return;
    this.truncate();
  }

  private truncate(): void {
    this.endLine();
    this.endCopy();
    if (!this.life.isRotatedMatched && !this.hasCopy) return;
    if (this.host.disk.contentOf(LOG) === undefined) return;
    this.destroying(() => this.host.disk.truncate(LOG, 0));
    this.hasCopy = false;
  }

  private remove(): void {
    this.endLine();
    this.endCopy();
    if (!this.life.isRotatedMatched) return;
    if (this.host.disk.contentOf(LOG) === undefined) return;
    this.destroying(() => this.host.disk.remove(LOG));
    this.hasCopy = false;
  }

  private removeOldest(): void {
    if (!this.life.isRotatedMatched) return;
    this.endCopy();
    this.endPacking();
    const numbers = [...Array(this.rotations).keys()].map((index) => index + 1);
    const oldest = this.life.isCountingUp
      ? numbers.find((number) => this.rotated(number) !== undefined)
      : this.rotations;
    const path = this.rotated(oldest ?? 0);
    if (path === undefined) return;
    this.destroying(() => this.host.disk.remove(path));
  }

  private destroying(action: () => void): void {
    const before = this.present();
    action();
    const after = this.present();
    for (const line of before) if (!after.has(line)) this.destroyed.add(line);
  }

  private present(): Set<string> {
    const lines = new Set<string>();
    for (const path of this.host.disk.paths("/logs")) {
      // What is half packed stands in the file that is packed, too.
      if (path === `${this.packing?.path}.gz`) continue;
      const content = this.host.disk.contentOf(path) ?? Buffer.alloc(0);
      const text = isPacked(path) ? gunzipSync(content) : content;
      for (const line of text.toString().split("\n")) lines.add(line);
    }
    return lines;
  }

  private async drive<T>(work: Promise<T>): Promise<T> {
    await this.simulation.run();
    return work;
  }

  private pass(ms: number): Promise<void> {
    return this.simulation.run(this.simulation.timeMs + ms);
  }
}

function isPacked(path: string): boolean {
  return path.endsWith(".gz");
}

/** One of three lines begins an event. */
function beginsEvent(line: string): boolean {
  const number = /^<line (\d+) /.exec(line)?.[1];
  return number === undefined || Number(number) % 3 === 1;
}
