import { describe, expect, it } from "vitest";
import { type HostSample, hostEvents, localMounts } from "../../../../agent/source/host-metrics.ts";

const EMPTY: HostSample = {
  ...{ timeMs: 0, monotonicMs: 0, stat: "", meminfo: "", loadavg: "", diskstats: "", netDev: "" },
  ...{ mounts: "", pressure: { cpu: "", memory: "", io: "" }, fileSystems: [] },
};

const FIRST: HostSample = {
  ...EMPTY,
  timeMs: 1000,
  monotonicMs: 0,
  stat: "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 50 0 25 400 25 0 0 0 0 0\ncpu1 50 0 25 400 25 0 0 0 0 0\nintr 1\n",
  meminfo:
    "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    250 kB\nActive(anon):    1 kB\nSwapTotal:       400 kB\nSwapFree:        300 kB\n",
  loadavg: "16.42 14.04 12.42 16/571 1349\n",
  diskstats:
    "   8       0 sda 10 0 100 0 20 0 200 0 0 1000 0 0 0 0 0 0 0\n   8       1 sda1 10 0 100 0 20 0 200 0 0 1000 0 0 0 0 0 0 0\n   7       0 loop0 1 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n 259 0 nvme0n1 1 0 0 0 0 0 0 0 0 0 0\n",
  netDev:
    "Inter-|   Receive |  Transmit\n face |bytes packets\n    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n",
  pressure: {
    cpu: "some avg10=92.69 avg60=91.18 avg300=93.02 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    memory: "some avg10=1.50 avg60=1.00 avg300=0.00 total=1\n",
    io: "",
  },
  fileSystems: [
    {
      ...{ device: "/dev/sda1", mount: "/", fileSystem: "ext4" },
      ...{ totalBytes: 1000, freeBytes: 400, availableBytes: 300, totalFiles: 100, freeFiles: 25 },
    },
  ],
};

const SECOND: HostSample = {
  ...FIRST,
  timeMs: 11_000,
  monotonicMs: 10_000,
  stat: FIRST.stat.replace("cpu  100 0 50 800 50", "cpu  150 0 75 810 65"),
  diskstats: FIRST.diskstats.replaceAll(
    "10 0 100 0 20 0 200 0 0 1000",
    "30 0 300 0 20 0 400 0 0 6000",
  ),
  netDev: FIRST.netDev.replace("1000 10 0 0", "500 30 10 0").replace("2000 20", "12000 120"),
};

const typed = (sample: HostSample, before: HostSample | undefined, type: string) =>
  hostEvents(sample, before).filter((event) => event["type"] === type);

describe("measurements of a host", () => {
  it("has memory, load, pressure and file systems at once", () => {
    expect(hostEvents(FIRST, undefined)).toEqual([
      {
        ...{ type: "memory", totalBytes: 1_024_000, availableBytes: 256_000, usedBytes: 768_000 },
        ...{ usedPercent: 75, swapTotalBytes: 409_600, swapUsedBytes: 102_400 },
        swapUsedPercent: 25,
      },
      {
        ...{ type: "load", load1: 16.42, load5: 14.04, load15: 12.42 },
        ...{ runningCount: 16, taskCount: 571 },
      },
      {
        ...{ type: "pressure", resource: "cpu", somePercent10s: 92.69, somePercent60s: 91.18 },
        ...{ fullPercent10s: 0, fullPercent60s: 0 },
      },
      { type: "pressure", resource: "memory", somePercent10s: 1.5, somePercent60s: 1 },
      {
        ...{ type: "filesystem", device: "/dev/sda1", mount: "/", fileSystem: "ext4" },
        ...{ totalBytes: 1000, usedBytes: 600, availableBytes: 300 },
        ...{ usedPercent: 66.67, filesUsedPercent: 75 },
      },
    ]);
  });

  it("has rates between two samples, also of a counter that began anew", () => {
    expect(typed(SECOND, FIRST, "cpu")).toEqual([
      {
        ...{ type: "cpu", usedPercent: 75, userPercent: 50, systemPercent: 25 },
        ...{ iowaitPercent: 15, stealPercent: 0, coreCount: 2 },
      },
    ]);
    expect(typed(SECOND, FIRST, "disk")).toEqual([
      {
        ...{ type: "disk", device: "sda", readsPerSecond: 2, readBytesPerSecond: 10_240 },
        ...{ writesPerSecond: 0, writtenBytesPerSecond: 10_240, busyPercent: 50 },
      },
      {
        ...{ type: "disk", device: "nvme0n1", readsPerSecond: 0, readBytesPerSecond: 0 },
        ...{ writesPerSecond: 0, writtenBytesPerSecond: 0, busyPercent: 0 },
      },
    ]);
    expect(typed(SECOND, FIRST, "network")).toEqual([
      {
        ...{ type: "network", interface: "eth0", receivedBytesPerSecond: 50 },
        ...{ receivedPacketsPerSecond: 2, receiveErrorsPerSecond: 1, receiveDropsPerSecond: 0 },
        ...{ sentBytesPerSecond: 1000, sentPacketsPerSecond: 10 },
        ...{ sendErrorsPerSecond: 0, sendDropsPerSecond: 0 },
      },
    ]);
  });

  it("says nothing of what the kernel does not tell", () => {
    expect(hostEvents(EMPTY, undefined)).toEqual([]);
    expect(hostEvents({ ...EMPTY, monotonicMs: 1 }, EMPTY)).toEqual([]);
  });

  it("knows which file systems lie on this host", () => {
    const mounts = [
      "proc /proc proc rw 0 0",
      "overlay / overlay rw 0 0",
      "/dev/sda1 /data\\040one ext4 rw 0 0",
      "/dev/sda1 /again ext4 rw 0 0",
      "/dev/loop1 /snap squashfs ro 0 0",
      "server:/x /net nfs4 rw 0 0",
      "pool/a /pool zfs rw 0 0",
      "",
    ].join("\n");
    expect(localMounts(mounts).map(({ mount }) => mount)).toEqual(["/", "/data one", "/pool"]);
  });
});
