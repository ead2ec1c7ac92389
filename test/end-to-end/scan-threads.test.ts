import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleProgram } from "../../packaging/scripts/bundle.ts";
import { systemCode } from "../../shared/errors.ts";
import { logChunks } from "../benchmark/log-lines.ts";

/** Several ranges for each of three threads. */
const BYTES = 60_000_000;
const project = join(import.meta.dirname, "../..");

let folder: string;
let log: string;
let expected: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-threads-"));
  log = join(folder, "app.log");
  await pipeline(logChunks(BYTES, 1), createWriteStream(log));
  const alone = scan(join(project, "main.ts"), 1);
  expect(alone).toMatchObject({ status: 0, stderr: "" });
  expected = alone.stdout;
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function scan(program: string, threads: number) {
  const { status, stdout, stderr } = spawnSync(process.execPath, wordsOf(program, threads), {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  return { status, stdout, stderr };
}

function wordsOf(program: string, threads: number): string[] {
  const flags = ["--format", "json", "--output", "ndjson", "--threads", String(threads)];
  return [program, "scan", ...flags, log];
}

describe("scan on several threads", () => {
  it("prints the same from the sources", () => {
    expect(scan(join(project, "main.ts"), 3)).toEqual({ status: 0, stdout: expected, stderr: "" });
  }, 60_000);

  it("prints the same from the bundle, whose thread is a file of its own", async () => {
    const bundle = join(folder, "bundle");
    await bundleProgram(project, bundle);
    const program = join(bundle, "main.js");
    for (const threads of [1, 2, 3]) {
      expect(scan(program, threads)).toEqual({ status: 0, stdout: expected, stderr: "" });
    }
    await rm(join(bundle, "scan-thread.js"));
    const without = scan(program, 2);
    expect(without).toMatchObject({ status: 0, stdout: expected });
    expect(without.stderr).toMatch(/a thread failed \(Cannot find module .*scan-thread[.]js/);
  }, 120_000);

  it("ends soon, with all threads, when it is interrupted", async () => {
    // The log many times over, so that there is something to interrupt.
    const words = [
      ...wordsOf(join(project, "main.ts"), 3),
      ...Array.from({ length: 200 }, () => log),
    ];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (text) => (output += text));
    child.stderr.on("data", (text) => (errors += text));
    const ended = new Promise((resolve) => child.once("close", resolve));
    while (!isReading(child.pid ?? 0)) await sleep(5);
    // By now or a little later the other threads count.
    await sleep(500);
    child.kill("SIGINT");
    expect(await ended).toBe(1);
    expect([output, errors]).toEqual(["", "tailrace scan: interrupted; nothing is printed\n"]);
  }, 60_000);
});

/** True when a process has the log open. */
function isReading(pid: number): boolean {
  const descriptors = `/proc/${pid}/fd`;
  try {
    return readdirSync(descriptors).some((name) => readlinkSync(join(descriptors, name)) === log);
  } catch (error) {
    // A file was closed while it was looked at.
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
