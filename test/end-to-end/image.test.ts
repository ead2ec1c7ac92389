import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { layOutTree } from "../../packaging/scripts/build-packages.ts";
import { writeImage } from "../../packaging/scripts/write-image.ts";
import { realTimers } from "../../shared/platform/timers.ts";
import { freePort } from "./program.ts";

const run = promisify(execFile);
const architecture = process.arch === "arm64" ? "arm64" : "amd64";

const blob = z.object({ digest: z.string(), size: z.number(), mediaType: z.string() });
const indexSchema = z.object({ manifests: z.array(blob).length(1) });
const manifestSchema = z.object({ config: blob, layers: z.array(blob).length(1) });
const configSchema = z.object({
  architecture: z.string(),
  config: z.object({
    User: z.string(),
    Entrypoint: z.array(z.string()),
    Cmd: z.array(z.string()),
    Healthcheck: z.object({ Test: z.array(z.string()) }),
    Labels: z.record(z.string(), z.string()),
  }),
  rootfs: z.object({ diff_ids: z.array(z.string()).length(1) }),
});

const missing = (() => {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "it needs root";
  }
})();

let folder: string;
let image: string;
let port: number;

describe.skipIf(missing !== undefined)(
  `the image${missing ? ` (left out: ${missing})` : ""}`,
  () => {
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "tailrace-image-"));
      image = join(folder, "image");
      const work = join(folder, "work");
      const tree = await layOutTree(architecture, work);
      await writeImage({ architecture, version: "0.1.0", tree, work, level: 1 }, image);
      await rm(work, { recursive: true });
      port = await freePort();
    }, 300_000);
    afterAll(() =>
      folder === undefined ? undefined : rm(folder, { recursive: true, force: true }),
    );

    it("is a layout in which every part is what its digest says", async () => {
      expect(JSON.parse(await readFile(join(image, "oci-layout"), "utf8"))).toEqual({
        imageLayoutVersion: "1.0.0",
      });
      const { manifest, config } = await parts();
      expect(config.architecture).toBe(architecture);
      const [layer] = manifest.layers;
      const packed = await readBlob(layer);
      const plain = createHash("sha256").update(gunzipSync(packed)).digest("hex");
      expect(config.rootfs.diff_ids).toEqual([`sha256:${plain}`]);
      expect(config.config.User).not.toMatch(/^(root|0)\b/);
      expect(config.config.Healthcheck.Test[0]).toBe("CMD");
      expect(config.config.Labels["org.opencontainers.image.version"]).toBe("0.1.0");
    });

    it("holds no shell, and runs from its own root alone, read-only, as nobody, until SIGTERM lets it drain", async () => {
      const { manifest, config } = await parts();
      const root = join(folder, "root");
      await mkdir(root);
      const [layer] = manifest.layers;
      await run("tar", [
        "-xzf",
        join(image, "blobs/sha256", layer?.digest.slice(7) ?? ""),
        "-C",
        root,
      ]);
      for (const path of ["bin/sh", "usr/bin/sh", "bin/bash"]) {
        await expect(stat(join(root, path))).rejects.toThrow("ENOENT");
      }
      await writeFile(
        join(root, "etc/tailrace/aggregator.yaml"),
        `listen: 127.0.0.1:${port}\ndata_dir: /var/lib/tailrace-aggregator\n`,
      );
      const { Entrypoint, Cmd, Healthcheck, User } = config.config;
      const health = Healthcheck.Test.slice(1);
      const version = start(root, User, [...Entrypoint, "--version"]);
      expect(await once(version, "exit")).toEqual([0, null]);
      const child = start(root, User, [...Entrypoint, ...Cmd]);
      try {
        await until(async () => (await exitCode(start(root, User, health))) === 0);
        await until(answers);
      } finally {
        child.kill("SIGTERM");
      }
      expect(await once(child, "exit")).toEqual([0, null]);
      expect(await exitCode(start(root, User, health))).toBe(1);
    });
  },
);

it("the example for compose runs the image as it is meant to be run", async () => {
  const text = await readFile(
    new URL("../../packaging/compose/compose.yaml", import.meta.url),
    "utf8",
  );
  const { services } = z
    .object({ services: z.record(z.string(), z.looseObject({ image: z.string() })) })
    .parse(parse(text));
  expect(Object.keys(services).toSorted()).toEqual([
    "aggregator",
    "elasticsearch",
    "influxdb",
    "kafka",
    "redis",
  ]);
  expect(services["aggregator"]).toMatchObject({ read_only: true, cap_drop: ["ALL"] });
  // What the aggregator is configured to reach is a service, and Kafka sends its clients there, too.
  const file = new URL("../../packaging/compose/aggregator.yaml", import.meta.url);
  const aggregator = await readFile(file, "utf8");
  const hosts = [...aggregator.matchAll(/(?:\/\/|\[")([a-z]+):\d+/g)].map(([, host]) => host);
  expect(new Set(hosts)).toEqual(new Set(["kafka", "redis", "elasticsearch", "influxdb"]));
  expect(services["kafka"]).toMatchObject({
    environment: { KAFKA_ADVERTISED_LISTENERS: "PLAINTEXT://kafka:9092" },
  });
});

async function readBlob(found: z.infer<typeof blob> | undefined): Promise<Buffer> {
  const hex = found?.digest.replace("sha256:", "") ?? "";
  const bytes = await readFile(join(image, "blobs/sha256", hex));
  expect([bytes.length, createHash("sha256").update(bytes).digest("hex")]).toEqual([
    found?.size,
    hex,
  ]);
  return bytes;
}

async function parts() {
  const index = indexSchema.parse(JSON.parse(await readFile(join(image, "index.json"), "utf8")));
  const json = async (found: z.infer<typeof blob> | undefined): Promise<unknown> =>
    JSON.parse((await readBlob(found)).toString("utf8"));
  const manifest = manifestSchema.parse(await json(index.manifests[0]));
  return { manifest, config: configSchema.parse(await json(manifest.config)) };
}

/** Runs words in a root that is only read, but for the folder of data and /tmp, which are kept between runs. */
function start(root: string, user: string, words: readonly string[]): ChildProcess {
  const [uid = "", gid = ""] = user.split(":");
  const data = join(folder, "data");
  const script = `set -e
root="$1"; data="$2"; uid="$3"; gid="$4"; shift 4
mkdir -p "$data" && chown "$uid:$gid" "$data"
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
mount --bind "$data" "$root/var/lib/tailrace-aggregator" && mount -t tmpfs -o mode=1777 tmp "$root/tmp"
exec chroot --userspec="$uid:$gid" "$root" "$@"`;
  return spawn("unshare", ["--mount", "sh", "-c", script, "sh", root, data, uid, gid, ...words], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"], XDG_CACHE_HOME: "/tmp" },
  });
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  const [code]: unknown[] = await once(child, "exit");
  return code;
}

async function answers(): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    if (await isTrue()) return;
    await realTimers.sleep(100);
  }
  expect.fail("it did not come true");
}
