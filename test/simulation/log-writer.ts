import { gzipSync } from "node:zlib";
import { parentOf } from "../../shared/platform/simulated/file-tree.ts";
import type { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import { isSelected } from "./event-witness.ts";
import type { Recount } from "./recount.ts";

const LEVELS = ["INFO", "INFO", "INFO", "WARN", "ERROR", "DEBUG", "FATAL"] as const;
const SERVICES = ["orders", "payments", "cart"] as const;

/** More than a fingerprint covers. */
const BANNER = Array.from({ length: 20 }, (_, index) => `setting ${index} = ${"x".repeat(60)}`);

/** How a program's log is put away. */
export type RotationStyle =
  | "none"
  | "rename"
  | "rename with date"
  | "rename and pack"
  | "copytruncate";

/** What one writer wrote; the lines that hold no event included. */
export interface WrittenTotals {
  lines: number;
  bytes: number;
  /** Lines with an event. */
  events: number;
  blank: number;
  broken: number;
}

/**
 * A program that writes a log, and the logrotate of its host. Its changes are durable at once: lines that a power cut takes out of a file
 * after they were read are not what is tested. Every line says its file and its number in it.
 */
export class LogWriter {
  readonly totals: WrittenTotals = { lines: 0, bytes: 0, events: 0, blank: 0, broken: 0 };
  /** Some programs begin every log with the same words, so that fingerprints cannot tell one from another. */
  hasBanner = false;
  /** Whether copies are deleted like logs that were renamed. */
  deletesCopies = false;
  /** While true nothing is written. */
  isPaused = false;
  readonly path: string;
  private readonly host: SimulatedHost;
  private readonly recount: Recount;
  private readonly style: RotationStyle;
  /** Bytes of a line that stand in no file yet. */
  private rest: Buffer = Buffer.alloc(0);
  private rotationCount = 0;
  private dateCount = 0;
  /** Ends the packing that is going on, at once. */
  private finishPacking: (() => void) | undefined;
  /** Every third writer's programs know no exact time. */
  private readonly latenessMsMax: number;

  constructor(
    host: SimulatedHost,
    path: string,
    options: { readonly recount: Recount; readonly style: RotationStyle },
  ) {
    this.host = host;
    this.path = path;
    this.recount = options.recount;
    this.style = options.style;
    this.latenessMsMax = host.simulation.prng.pick([0, 2_000, 90_000]);
  }

  /** Writes some lines, perhaps the last one only half, and sometimes puts the log away first. */
  write(count: number): void {
    if (this.isPaused) return;
    const { prng } = this.host.simulation;
    if (this.style !== "none" && prng.chance(0.08)) this.rotate();
    const isNew = this.rest.length === 0 && this.host.disk.lengthOf(this.path) === 0;
    let text = isNew ? this.banner() : "";
    for (let index = 0; index < count; index++) text += this.line();
    const bytes = Buffer.concat([this.rest, Buffer.from(text)]);
    // A banner never stands alone: nothing at all could tell it from that of the next generation.
    const isCut = prng.chance(0.3) && !(isNew && this.hasBanner);
    const kept = isCut ? prng.below(bytes.length + 1) : bytes.length;
    this.rest = bytes.subarray(kept);
    if (kept > 0) this.host.disk.append(this.path, bytes.subarray(0, kept));
    this.trace(`${kept} bytes`);
  }

  private trace(what: string): void {
    const { simulation, name } = this.host;
    simulation.trace.add(simulation.timeMs, `${name} writer ${this.path} ${what}`);
  }

  /** Writes what is left of a half line. */
  finishLine(): void {
    if (this.rest.length > 0) this.host.disk.append(this.path, this.rest);
    this.rest = Buffer.alloc(0);
  }

  /** Puts the log away in its style; a writer never leaves half a line behind. */
  rotate(): void {
    this.finishLine();
    const { disk } = this.host;
    const content = disk.contentOf(this.path);
    if (content === undefined) return;
    this.trace(`${this.style}, ${content.length} bytes`);
    this.rotationCount++;
    if (this.style === "rename with date") {
      disk.rename(this.path, `${this.path}-202601${String(++this.dateCount + 9)}`);
      return;
    }
    this.finishPacking?.();
    const ending = this.style === "rename and pack" ? ".gz" : "";
    for (let index = this.rotationCount - 1; index >= 1; index--) {
      disk.rename(`${this.path}.${index}${ending}`, `${this.path}.${index + 1}${ending}`);
    }
    if (this.style === "rename" || this.style === "rename and pack") {
      disk.rename(this.path, `${this.path}.1`);
      if (this.style === "rename and pack") this.pack(`${this.path}.1`);
    } else {
      disk.append(`${this.path}.1`, content);
      disk.truncate(this.path, 0);
    }
  }

  /** Packs a file: half of it is written, for a while; then the rest, and the file goes. */
  private pack(path: string): void {
    const { disk, simulation } = this.host;
    const packedPath = `${path}.gz`;
    let packed: Buffer | undefined;
    const finish = () => {
      if (this.finishPacking !== finish) return;
      this.finishPacking = undefined;
      const rest = packed?.subarray(packed.length >> 1) ?? packFile(disk.contentOf(path));
      disk.append(packedPath, rest);
      disk.copyModified(path, packedPath);
      disk.remove(path);
      this.trace("packed");
    };
    this.finishPacking = finish;
    simulation.schedule(simulation.prng.between(0, 4_000), "pack", () => {
      if (this.finishPacking !== finish) return;
      packed = packFile(disk.contentOf(path));
      disk.append(packedPath, packed.subarray(0, packed.length >> 1));
      simulation.schedule(simulation.prng.between(0, 4_000), "packed", finish);
    });
  }

  /** Puts the log away and deletes all that was put away. */
  deleteOld(): void {
    if (this.style === "none" || (this.style === "copytruncate" && !this.deletesCopies)) return;
    this.rotate();
    this.finishPacking?.();
    const { disk } = this.host;
    for (const path of disk.paths(parentOf(this.path))) {
      if (path.startsWith(this.path) && path !== this.path) disk.remove(path);
    }
    this.rotationCount = 0;
  }

  private line(): string {
    const text = this.draw();
    this.totals.lines++;
    this.totals.bytes += Buffer.byteLength(text);
    return text;
  }

  private banner(): string {
    if (!this.hasBanner) return "";
    this.totals.lines += BANNER.length;
    this.totals.broken += BANNER.length;
    const text = `${BANNER.join("\n")}\n`;
    this.totals.bytes += text.length;
    return text;
  }

  private draw(): string {
    const { prng } = this.host.simulation;
    const kind = prng.float();
    if (kind < 0.01) {
      this.totals.blank++;
      return "  \n";
    }
    if (kind < 0.03) {
      this.totals.broken++;
      return `{"timestamp": broken ${this.totals.lines}\n`;
    }
    const durationUs = prng.chance(0.1) ? undefined : Math.floor(prng.float() ** 4 * 1e6);
    const event = {
      service: prng.pick(SERVICES),
      timeMs: this.host.now() - prng.below(this.latenessMsMax + 1),
      level: prng.pick(LEVELS),
      durationUs,
    };
    this.recount.add(event);
    this.recount.addPart(event, this.path, this.totals.lines);
    if (isSelected(event.level)) {
      this.recount.select(this.host.name, `${this.path} ${this.totals.lines}`);
    }
    this.totals.events++;
    const duration = durationUs === undefined ? "" : `,"duration":${durationUs / 1_000}`;
    return (
      `{"timestamp":"${new Date(event.timeMs).toISOString()}","service":"${event.service}","level":"${event.level}",` +
      `"message":"request","file":"${this.path}","line":${this.totals.lines}${duration}}\n`
    );
  }
}

function packFile(content: Buffer | undefined): Buffer {
  return gzipSync(content ?? Buffer.alloc(0));
}
