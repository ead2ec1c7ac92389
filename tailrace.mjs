#!/usr/bin/env node
// Starts the program on the first Node >= 24 it finds, or says in one line what to do. This file runs on any Node that knows modules:
// an older one stops at a TypeScript file before any code in it runs.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NODE_MAJOR_MIN = 24;
/** Set by this file for the newer Node that it starts; a channel between the two ends with either. */
const LAUNCHED = "TAILRACE_LAUNCHED";
const home = dirname(fileURLToPath(import.meta.url));
const bundle = join(home, "dist", "main.js");
const program = existsSync(bundle) ? bundle : join(home, "main.ts");

const majorOf = (version) => Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);

const findNode = () => {
  const folders = [
    join(home, "node_modules", ".bin"),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  for (const folder of folders) {
    const candidate = join(folder, "node");
    if (folder === "" || !existsSync(candidate)) continue;
    const answer = spawnSync(candidate, ["--version"], { encoding: "utf8" });
    if (answer.status === 0 && majorOf(answer.stdout) >= NODE_MAJOR_MIN) return candidate;
  }
  return undefined;
};

if (majorOf(process.version) >= NODE_MAJOR_MIN) {
  if (process.env[LAUNCHED] !== undefined) {
    delete process.env[LAUNCHED];
    // A launcher that cannot pass signals on was killed at once, and this program was meant.
    process.channel?.unref();
    process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  }
  process.argv[1] = program;
  await import(pathToFileURL(program).href);
} else {
  const node = findNode();
  if (node === undefined) {
    process.stderr.write(
      `tailrace needs Node ${NODE_MAJOR_MIN} or later and found ${process.version}: run \`npm install\` in ${home}, or put a newer node on the PATH.\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [LAUNCHED]: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
