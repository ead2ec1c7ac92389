/**
 * Rotates a log as logrotate does: with logrotate itself, or, where that is not installed, with the same calls of the system in the same order
 * (its `rotateSingleLog`, `compressLogFile` and `copyTruncate`): older generations count up, the log is renamed or copied, then the writer is
 * told, then the rotated file is packed into a file of its own that gets its times, and removed.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

/** What of logrotate's configuration a test asks for. */
export interface Rotation {
  readonly style: "create" | "nocreate" | "copytruncate";
  readonly packs: "never" | "at once" | "delayed";
  /** Folder of rotated files, in the folder of the log; undefined: they stay beside it. */
  readonly oldFolder?: string;
  /** Names with a date instead of a number. */
  readonly hasDate?: boolean;
}

const LOGROTATE = ["/usr/sbin/logrotate", "/sbin/logrotate", "/usr/bin/logrotate"].find(existsSync);

/** What rotates on this machine, for the names of tests. */
export const ROTATED_BY =
  LOGROTATE === undefined ? "logrotate's calls (it is not installed)" : "logrotate";

/** Rotates `log` once, whatever its size, and sends the process `writer` a SIGHUP where logrotate tells programs to reopen. Resolves when all is done. */
export async function rotateOnce(log: string, rotation: Rotation, writer: number): Promise<void> {
  const old =
    rotation.oldFolder === undefined ? dirname(log) : join(dirname(log), rotation.oldFolder);
  mkdirSync(old, { recursive: true, mode: 0o700 });
  if (LOGROTATE === undefined) {
    rotateByCalls(log, old, rotation, writer);
    return;
  }
  const home = join(dirname(dirname(log)), "logrotate");
  mkdirSync(home, { recursive: true });
  const config = join(home, "config");
  writeFileSync(config, configText(log, rotation, writer));
  chmodSync(config, 0o600);
  const run = spawn(LOGROTATE, ["--force", "--state", join(home, "state"), config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  run.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const code = await new Promise<number | null>((resolve) => run.once("close", resolve));
  if (code !== 0) throw new Error(`logrotate ended with ${code}: ${stderr}`);
}

function configText(
  log: string,
  { style, packs, oldFolder, hasDate }: Rotation,
  writer: number,
): string {
  return [
    `"${log}" {`,
    "rotate 1000",
    style,
    packs === "never" ? "nocompress" : "compress",
    packs === "delayed" ? "delaycompress" : "nodelaycompress",
    oldFolder === undefined ? "noolddir" : `olddir ${oldFolder}`,
    hasDate === true ? "dateext\ndateformat -%Y%m%d-%s" : "nodateext",
    "missingok",
    "postrotate",
    `kill -HUP ${writer} || true`,
    "endscript",
    "}",
    "",
  ].join("\n");
}

function rotateByCalls(log: string, old: string, rotation: Rotation, writer: number): void {
  if (!existsSync(log)) return;
  const { style, packs, hasDate } = rotation;
  const name = join(old, basename(log));
  const { atime, mtime, mode } = statSync(log);
  if (packs === "delayed") for (const path of unpackedOf(name)) pack(path, statSync(path));
  const now = new Date();
  const day = now.toISOString().slice(0, 10).replaceAll("-", "");
  const rotated =
    hasDate === true ? `${name}-${day}-${Math.floor(now.getTime() / 1000)}` : `${name}.1`;
  if (hasDate !== true) countUp(name);
  if (style === "copytruncate") {
    copyFileSync(log, rotated);
    truncateSync(log, 0);
  } else {
    renameSync(log, rotated);
    if (style === "create") closeSync(openSync(log, "ax", mode));
  }
  spawnSync("kill", ["-HUP", String(writer)]);
  if (packs === "at once") pack(rotated, { atime, mtime });
}

function unpackedOf(name: string): string[] {
  return readdirSync(dirname(name))
    .filter(
      (file) => file.startsWith(basename(name)) && file !== basename(name) && !file.endsWith(".gz"),
    )
    .map((file) => join(dirname(name), file));
}

function countUp(name: string): void {
  for (let count = readdirSync(dirname(name)).length; count >= 1; count--) {
    for (const packed of ["", ".gz"]) {
      if (existsSync(`${name}.${count}${packed}`)) {
        renameSync(`${name}.${count}${packed}`, `${name}.${count + 1}${packed}`);
      }
    }
  }
}

/** The packed file has the times that the log had when its rotation began. */
function pack(path: string, times: { readonly atime: Date; readonly mtime: Date }): void {
  const packed = `${path}.gz`;
  writeFileSync(packed, gzipSync(readFileSync(path)), { flag: "wx" });
  utimesSync(packed, times.atime, times.mtime);
  unlinkSync(path);
}
