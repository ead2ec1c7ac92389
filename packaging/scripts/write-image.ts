import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, cp, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Architecture } from "./architectures.ts";
import { runTool } from "./run-tool.ts";

/** What an image is made of. */
export interface ImageIngredients {
  readonly architecture: Architecture;
  readonly version: string;
  /** The laid out package `tailrace`. */
  readonly tree: string;
  /** How hard the layer is packed, 1 to 9. */
  readonly level: number;
  /** For what is in between. */
  readonly work: string;
}

/** Nobody's number, as in Google's distroless images. */
const USER_ID = 65_532;
const CONFIG_FILE = "/etc/tailrace/aggregator.yaml";

/**
 * Writes an image as an OCI layout into `target`: a folder that `skopeo copy oci:… docker-daemon:…`, podman or a registry's client take. One layer
 * with the program, its libraries and nothing else: no shell, no package manager. It runs as nobody on a root that is only read.
 */
export async function writeImage(from: ImageIngredients, target: string): Promise<void> {
  const root = join(from.work, "image-root");
  await layOutRoot(from, root);
  await rm(target, { recursive: true, force: true });
  const blobs = join(target, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const layer = await writeLayer(root, from, blobs);
  const config = await writeJson(blobs, imageConfig(from, layer.plainDigest));
  const manifest = await writeJson(blobs, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...layer.packed }],
  });
  await writeFile(join(target, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const entry = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...manifest,
    platform: { os: "linux", architecture: from.architecture },
    annotations: { "org.opencontainers.image.ref.name": from.version },
  };
  await writeFile(
    join(target, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  );
}

async function layOutRoot({ tree }: ImageIngredients, root: string): Promise<void> {
  await rm(root, { recursive: true, force: true });
  for (const path of await librariesOf(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    // Where a system has links to folders of libraries, the image has the folders.
    await copyFile(path, join(root, path));
  }
  await cp(join(tree, "usr/lib/tailrace"), join(root, "usr/lib/tailrace"), { recursive: true });
  await cp(join(tree, "usr/share/tailrace"), join(root, "usr/share/tailrace"), { recursive: true });
  await cp(
    join(tree, "usr/share/doc/tailrace/copyright"),
    join(root, "usr/share/doc/tailrace/copyright"),
    { recursive: true },
  );
  for (const folder of ["etc/tailrace", "var/lib/tailrace-aggregator", "tmp"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, "tmp"), 0o1777);
  const user = (name: string) => `${name}:x:${USER_ID}:${USER_ID}::/var/lib/tailrace-aggregator:\n`;
  await writeFile(join(root, "etc/passwd"), `root:x:0:0::/root:\n${user("tailrace")}`);
  await writeFile(join(root, "etc/group"), `root:x:0:\ntailrace:x:${USER_ID}:\n`);
}

/** What the program is linked with on this machine, and what the C library loads by name to look hosts up. */
async function librariesOf(tree: string): Promise<string[]> {
  const program = join(tree, "usr/lib/tailrace");
  const binaries = [join(program, "node"), join(program, "program/lz4-napi.node")];
  const listed = await runTool("ldd", binaries);
  const found = [...listed.matchAll(/(\/\S+\.so\S*) \(0x/g)].map(([, path = ""]) => path);
  const [library = ""] = found.filter((path) => path.endsWith("/libc.so.6"));
  const byName = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];
  return [...new Set([...found, ...byName.map((name) => join(dirname(library), name))])];
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

async function writeLayer(
  root: string,
  { work, level }: ImageIngredients,
  blobs: string,
): Promise<{ readonly plainDigest: string; readonly packed: Blob }> {
  const plain = join(work, "layer.tar");
  const owned = "var/lib/tailrace-aggregator";
  const shared = ["--sort=name", "--mtime=@0", "--numeric-owner", "-C", root];
  const rest = (await readdir(root)).filter((name) => name !== "var").toSorted();
  await runTool("tar", ["-cf", plain, "--owner=0", "--group=0", ...shared, ...rest]);
  const owner = [`--owner=${USER_ID}`, `--group=${USER_ID}`];
  await runTool("tar", ["-rf", plain, ...owner, ...shared, owned]);
  const plainDigest = await digestOf(plain);
  await runTool("gzip", ["-n", "-f", `-${level}`, plain]);
  return { plainDigest, packed: await takeBlob(`${plain}.gz`, blobs) };
}

async function writeJson(blobs: string, value: object): Promise<Blob> {
  const path = join(blobs, "draft");
  await writeFile(path, JSON.stringify(value));
  return takeBlob(path, blobs);
}

async function takeBlob(path: string, blobs: string): Promise<Blob> {
  const digest = await digestOf(path);
  const { size } = await stat(path);
  await rename(path, join(blobs, digest.replace("sha256:", "")));
  return { digest, size };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

function imageConfig({ architecture, version }: ImageIngredients, layerDigest: string): object {
  const program = ["/usr/lib/tailrace/node", "/usr/lib/tailrace/program/main.js"];
  const seconds = (count: number) => count * 1_000_000_000;
  return {
    architecture,
    os: "linux",
    config: {
      User: `${USER_ID}:${USER_ID}`,
      Env: ["PATH=/usr/bin", "XDG_CACHE_HOME=/tmp"],
      WorkingDir: "/var/lib/tailrace-aggregator",
      Volumes: { "/var/lib/tailrace-aggregator": {} },
      ExposedPorts: { "7400/tcp": {} },
      Entrypoint: program,
      Cmd: ["aggregator", "--config", CONFIG_FILE],
      StopSignal: "SIGTERM",
      Healthcheck: {
        Test: ["CMD", ...program, "health", "--config", CONFIG_FILE],
        Interval: seconds(10),
        Timeout: seconds(5),
        StartPeriod: seconds(20),
        Retries: 3,
      },
      Labels: {
        "org.opencontainers.image.title": "tailrace",
        "org.opencontainers.image.description":
          "Turns logs into exact per-minute numbers where they are written, and into answers where they meet.",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": version,
      },
    },
    rootfs: { type: "layers", diff_ids: [layerDigest] },
    history: [{ created_by: "npm run image", comment: "tailrace with its runtime" }],
  };
}
