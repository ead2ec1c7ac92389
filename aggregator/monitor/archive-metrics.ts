import { Counter, Gauge, type Registry } from "prom-client";

/** How the archive is doing, over all partitions. */
export interface ArchiveFigures {
  /** Bytes of rows that wait for their files. */
  readonly waitingBytes: number;
  /** Items that were left out since too much waited. */
  readonly shedItems: number;
  readonly files: number;
  readonly bytes: number;
  readonly failures: number;
  readonly deletedFiles: number;
  readonly deletedBytes: number;
}

/** Defines the metrics of the archive, whose figures are read whenever metrics are asked for; undefined: there is none. */
export function defineArchiveMetrics(
  registry: Registry,
  read: () => ArchiveFigures | undefined,
): void {
  const total = (name: string, help: string, value: (figures: ArchiveFigures) => number) => {
    const collect = function (this: Counter) {
      this.reset();
      const figures = read();
      if (figures !== undefined) this.inc(value(figures));
    };
    registry.registerMetric(new Counter({ name, help, registers: [], collect }));
  };
  const waiting = new Gauge({
    name: "tailrace_archive_waiting_bytes",
    help: "Bytes that wait for their files.",
    registers: [],
    collect() {
      this.set(read()?.waitingBytes ?? 0);
    },
  });
  registry.registerMetric(waiting);
  total(
    "tailrace_archive_shed_total",
    "Events, gaps and parts of windows that were not archived since too much waited.",
    ({ shedItems }) => shedItems,
  );
  total("tailrace_archive_files_total", "Files written since the start.", ({ files }) => files);
  total(
    "tailrace_archive_bytes_total",
    "Bytes of the files written since the start.",
    ({ bytes }) => bytes,
  );
  total(
    "tailrace_archive_failures_total",
    "Failed writes since the start; what waits is tried again.",
    ({ failures }) => failures,
  );
  total(
    "tailrace_archive_deleted_files_total",
    "Files of the oldest days deleted for age or size since the start.",
    ({ deletedFiles }) => deletedFiles,
  );
  total(
    "tailrace_archive_deleted_bytes_total",
    "Bytes of files deleted for age or size since the start.",
    ({ deletedBytes }) => deletedBytes,
  );
}
