/**
 * What the kernel of Linux says of a host in /proc, as events: one per subject, with numbers that need no arithmetic to be compared. Rates are those
 * between two samples; the first sample has none.
 */

/** Texts of /proc at one moment; what a kernel does not have is empty. */
export interface HostSample {
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: number;
  readonly stat: string;
  readonly meminfo: string;
  readonly loadavg: string;
  readonly diskstats: string;
  readonly netDev: string;
  readonly mounts: string;
  readonly pressure: Readonly<Record<PressureResource, string>>;
  readonly fileSystems: readonly FileSystemSample[];
}

/** What the kernel measures pressure of. */
export const PRESSURE_RESOURCES = ["cpu", "memory", "io"] as const;

/** One of {@link PRESSURE_RESOURCES}. */
export type PressureResource = (typeof PRESSURE_RESOURCES)[number];

/** A mounted file system. */
export interface Mount {
  readonly device: string;
  readonly mount: string;
  readonly fileSystem: string;
}

/** How full a file system is. */
export interface FileSystemSample extends Mount {
  readonly totalBytes: number;
  /** For ordinary users. */
  readonly availableBytes: number;
  readonly freeBytes: number;
  readonly totalFiles: number;
  readonly freeFiles: number;
}

/** One measurement: a flat object of texts and numbers. */
export type HostEvent = Readonly<Record<string, string | number>>;

/** Sectors of /proc/diskstats, whatever the device's own are. */
const SECTOR_BYTES = 512;
const KIBIBYTE = 1024;

/** The events of a sample; `before` is the one before, undefined for the first. */
export function hostEvents(sample: HostSample, before: HostSample | undefined): HostEvent[] {
  const events: HostEvent[] = [memoryEvent(sample), loadEvent(sample)];
  events.push(...pressureEvents(sample), ...sample.fileSystems.map(fileSystemEvent));
  const seconds = before === undefined ? 0 : (sample.monotonicMs - before.monotonicMs) / 1000;
  if (before !== undefined && seconds > 0) {
    events.push(...cpuEvents(sample, before));
    events.push(...diskEvents(sample, before, seconds), ...networkEvents(sample, before, seconds));
  }
  return events.filter((event) => Object.keys(event).length > 1);
}

/** The file systems that lie on devices of this host; those of the kernel itself and of other hosts are left out. */
export function localMounts(mounts: string): Mount[] {
  const found = new Map<string, Mount>();
  for (const line of mounts.split("\n")) {
    const [device = "", mount = "", fileSystem = ""] = line.split(" ");
    const isLocal = device.startsWith("/dev/") || fileSystem === "zfs" || mount === "/";
    if (!isLocal || fileSystem === "squashfs" || mount === "") continue;
    // Of a device that is mounted several times the first is enough.
    if (!found.has(device)) found.set(device, { device, mount: unescaped(mount), fileSystem });
  }
  return [...found.values()];
}

/** Blanks in /proc/mounts are octal. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function memoryEvent({ meminfo }: HostSample): HostEvent {
  const bytes = new Map<string, number>();
  for (const [, name = "", amount = ""] of meminfo.matchAll(/^([\w()]+):\s+(\d+)/gm)) {
    bytes.set(name, Number(amount) * KIBIBYTE);
  }
  const total = bytes.get("MemTotal");
  if (total === undefined) return { type: "memory" };
  const available = bytes.get("MemAvailable") ?? bytes.get("MemFree") ?? 0;
  const swapTotal = bytes.get("SwapTotal") ?? 0;
  const swapUsed = swapTotal - (bytes.get("SwapFree") ?? 0);
  return {
    type: "memory",
    totalBytes: total,
    availableBytes: available,
    usedBytes: total - available,
    usedPercent: percent(total - available, total),
    swapTotalBytes: swapTotal,
    swapUsedBytes: swapUsed,
    swapUsedPercent: percent(swapUsed, swapTotal),
  };
}

function loadEvent({ loadavg }: HostSample): HostEvent {
  const match = /^([\d.]+) ([\d.]+) ([\d.]+) (\d+)\/(\d+)/.exec(loadavg);
  if (match === null) return { type: "load" };
  const [load1, load5, load15, runningCount, taskCount] = match.slice(1).map(Number);
  return defined({ type: "load", load1, load5, load15, runningCount, taskCount });
}

function pressureEvents({ pressure }: HostSample): HostEvent[] {
  return PRESSURE_RESOURCES.map((resource) => {
    const share = (kind: string, span: string): number | undefined => {
      const pattern = new RegExp(`^${kind} .*?${span}=([\\d.]+)`, "m");
      const found = pattern.exec(pressure[resource])?.[1];
      return found === undefined ? undefined : Number(found);
    };
    const percents = {
      somePercent10s: share("some", "avg10"),
      somePercent60s: share("some", "avg60"),
      fullPercent10s: share("full", "avg10"),
      fullPercent60s: share("full", "avg60"),
    };
    const event = defined({ type: "pressure", ...percents });
    return Object.keys(event).length === 1 ? event : { ...event, resource };
  });
}

function fileSystemEvent(found: FileSystemSample): HostEvent {
  const { device, mount, fileSystem, totalBytes, freeBytes, availableBytes } = found;
  const usedBytes = totalBytes - freeBytes;
  return {
    type: "filesystem",
    ...{ device, mount, fileSystem, totalBytes, usedBytes, availableBytes },
    // As df says it: what is kept for root is neither used nor available.
    usedPercent: percent(usedBytes, usedBytes + availableBytes),
    filesUsedPercent: percent(found.totalFiles - found.freeFiles, found.totalFiles),
  };
}

const CPU_TIMES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"] as const;

function cpuEvents(sample: HostSample, before: HostSample): HostEvent[] {
  const now = cpuTimes(sample.stat);
  const then = cpuTimes(before.stat);
  if (now === undefined || then === undefined) return [];
  const spent = now.map((ticks, at) => Math.max(0, ticks - (then[at] ?? 0)));
  const total = spent.reduce((sum, ticks) => sum + ticks, 0);
  if (total === 0) return [];
  const share = (...names: readonly (typeof CPU_TIMES)[number][]) =>
    percent(
      names.reduce((sum, name) => sum + (spent[CPU_TIMES.indexOf(name)] ?? 0), 0),
      total,
    );
  return [
    {
      type: "cpu",
      usedPercent: share("user", "nice", "system", "irq", "softirq", "steal"),
      userPercent: share("user", "nice"),
      systemPercent: share("system", "irq", "softirq"),
      iowaitPercent: share("iowait"),
      stealPercent: share("steal"),
      coreCount: (sample.stat.match(/^cpu\d/gm) ?? []).length,
    },
  ];
}

function cpuTimes(stat: string): number[] | undefined {
  const line = /^cpu +([\d ]+)/m.exec(stat)?.[1];
  if (line === undefined) return undefined;
  const times = line.trim().split(/ +/).map(Number);
  return CPU_TIMES.map((_, at) => times[at] ?? 0);
}

function diskEvents(sample: HostSample, before: HostSample, seconds: number): HostEvent[] {
  const then = diskCounters(before.diskstats);
  const events: HostEvent[] = [];
  for (const [device, now] of diskCounters(sample.diskstats)) {
    const known = then.get(device);
    if (known === undefined || isPartOfDisk(device) || now.every((count) => count === 0)) continue;
    const rate = (at: number, factor = 1) => perSecond(now[at], known[at], seconds, factor);
    events.push({
      type: "disk",
      device,
      readsPerSecond: rate(0),
      readBytesPerSecond: rate(2, SECTOR_BYTES),
      writesPerSecond: rate(4),
      writtenBytesPerSecond: rate(6, SECTOR_BYTES),
      // Milliseconds with something under way, of each second.
      busyPercent: Math.min(100, rate(9, 0.1)),
    });
  }
  return events;
}

/** Partitions, loops and memory disks: their work is their disk's, or none. */
function isPartOfDisk(device: string): boolean {
  return /^(?:loop|ram|zram|fd|sr)\d|^(?:sd|vd|xvd|hd)[a-z]+\d|^(?:nvme\d+n|mmcblk)\d+p\d/.test(
    device,
  );
}

function diskCounters(diskstats: string): Map<string, number[]> {
  const disks = new Map<string, number[]>();
  for (const line of diskstats.split("\n")) {
    const [, , device, ...counters] = line.trim().split(/\s+/);
    if (device !== undefined) disks.set(device, counters.map(Number));
  }
  return disks;
}

function networkEvents(sample: HostSample, before: HostSample, seconds: number): HostEvent[] {
  const then = networkCounters(before.netDev);
  const events: HostEvent[] = [];
  for (const [device, now] of networkCounters(sample.netDev)) {
    const known = then.get(device);
    if (known === undefined || device === "lo") continue;
    const rate = (at: number) => perSecond(now[at], known[at], seconds, 1);
    events.push({
      type: "network",
      interface: device,
      receivedBytesPerSecond: rate(0),
      receivedPacketsPerSecond: rate(1),
      receiveErrorsPerSecond: rate(2),
      receiveDropsPerSecond: rate(3),
      sentBytesPerSecond: rate(8),
      sentPacketsPerSecond: rate(9),
      sendErrorsPerSecond: rate(10),
      sendDropsPerSecond: rate(11),
    });
  }
  return events;
}

function networkCounters(netDev: string): Map<string, number[]> {
  const devices = new Map<string, number[]>();
  for (const [, name = "", counters = ""] of netDev.matchAll(/^\s*([^\s:]+):\s*([\d ]+)$/gm)) {
    devices.set(name, counters.trim().split(/ +/).map(Number));
  }
  return devices;
}

/** A counter that went back began anew: what it has since is all that is known. */
function perSecond(now = 0, before = 0, seconds: number, factor: number): number {
  const count = now >= before ? now - before : now;
  return rounded((count * factor) / seconds);
}

function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : rounded((100 * part) / whole);
}

/** Two digits say enough, and keep the lines short. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function defined(values: Readonly<Record<string, string | number | undefined>>): HostEvent {
  const event: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) event[name] = value;
  }
  return event;
}
