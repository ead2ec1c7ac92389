/** What logs there are on a host, and which of them can be read and understood. Nothing is changed. */
import { join } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../shared/events/event-options.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { FormatGuess, FormatSampler } from "../parsers/auto.ts";

/** Files that belong together, and what a sample of them says. */
export interface FoundLogs {
  /** Name for the source. */
  readonly name: string;
  /** Glob patterns, as they go into the configuration. */
  readonly paths: readonly string[];
  readonly fileCount: number;
  /** Format of the events in the sample; undefined when there are none. */
  readonly format: string | undefined;
  /** Code of the system when no file could be read. */
  readonly unreadable: string | undefined;
}

/** What was found. */
export interface HostLogs {
  readonly logs: readonly FoundLogs[];
  /** Names of programs that run and are known to write logs. */
  readonly services: readonly string[];
  readonly hasJournal: boolean;
  /** True when the kernel tells of itself in /proc. */
  readonly hasProc: boolean;
}

/** Where programs usually write; patterns that match nothing are left out. */
const KNOWN = [
  { name: "syslog", paths: ["/var/log/syslog", "/var/log/messages"] },
  { name: "nginx", paths: ["/var/log/nginx/access*.log"] },
  { name: "apache", paths: ["/var/log/apache2/*access*.log", "/var/log/httpd/*access*log"] },
  { name: "caddy", paths: ["/var/log/caddy/*.log"] },
  { name: "traefik", paths: ["/var/log/traefik/*.log"] },
  { name: "haproxy", paths: ["/var/log/haproxy*.log"] },
  { name: "kubernetes", paths: ["/var/log/pods/*/*/*.log"] },
  { name: "docker", paths: ["/var/lib/docker/containers/*/*-json.log"] },
] as const;

const SERVICES = [
  ...[
    "nginx",
    "apache2",
    "httpd",
    "caddy",
    "traefik",
    "haproxy",
    "postgres",
    "mysqld",
    "redis-server",
  ],
  ...["mongod", "java", "node", "dockerd", "containerd", "kubelet"],
];

const SAMPLE_BYTES = 64 * 1024;
const SAMPLE_FILES = 3;
const FOLDERS_MAX = 64;

/** Looks at the host whose files are below `root`, usually `/`. */
export async function lookAtHost(disk: Disk, root: string): Promise<HostLogs> {
  const place = { disk, root };
  const logs: FoundLogs[] = [];
  const taken = new Set<string>();
  for (const { name, paths } of KNOWN) await take(place, { name, paths, logs, taken });
  for (const [folder, files] of await otherFolders(place, taken)) {
    const name = folder === "/var/log" ? "system" : nameOf(folder);
    const pattern = files.length === 1 ? (files[0] ?? "") : `${folder}/*.log`;
    await take(place, { name, paths: [pattern], logs, taken });
  }
  const hasJournal =
    (await exists(place, "/var/log/journal")) || (await exists(place, "/run/log/journal"));
  const hasProc = await exists(place, "/proc/stat");
  return { logs, services: await runningServices(place), hasJournal, hasProc };
}

interface Place {
  readonly disk: Disk;
  readonly root: string;
}

interface Taking {
  readonly name: string;
  readonly paths: readonly string[];
  readonly logs: FoundLogs[];
  /** Files that are in a source already. */
  readonly taken: Set<string>;
}

async function take(place: Place, { name, paths, logs, taken }: Taking): Promise<void> {
  const files: string[] = [];
  const used: string[] = [];
  for (const pattern of paths) {
    const found = (await place.disk.glob(join(place.root, pattern))).filter((f) => !taken.has(f));
    if (found.length > 0) used.push(pattern);
    files.push(...found);
  }
  if (files.length === 0) return;
  for (const file of files) taken.add(file);
  const sample = await sampleOf(place.disk, files);
  logs.push({ name, paths: used, fileCount: files.length, ...sample });
}

async function sampleOf(
  disk: Disk,
  files: readonly string[],
): Promise<Pick<FoundLogs, "format" | "unreadable">> {
  const guess = new FormatGuess();
  const sampler = new FormatSampler(EVENT_OPTIONS_DEFAULT);
  let unreadable: string | undefined;
  let readCount = 0;
  for (const file of files) {
    if (readCount >= SAMPLE_FILES) break;
    const head = await readHead(disk, file, SAMPLE_BYTES);
    if (typeof head === "string") {
      unreadable = head;
      continue;
    }
    readCount++;
    let at = 0;
    for (let end = head.indexOf(0x0a, at); end !== -1; end = head.indexOf(0x0a, at)) {
      guess.weigh(sampler, head, at, end);
      at = end + 1;
    }
  }
  return { format: guess.choice?.format, unreadable: readCount === 0 ? unreadable : undefined };
}

/** Folders below /var/log with log files that no source has yet. */
async function otherFolders(
  { disk, root }: Place,
  taken: ReadonlySet<string>,
): Promise<Map<string, string[]>> {
  const folders = new Map<string, string[]>();
  for (const pattern of ["/var/log/*.log", "/var/log/*/*.log", "/var/log/*/*/*.log"]) {
    for (const found of await disk.glob(join(root, pattern))) {
      if (taken.has(found)) continue;
      const file = root === "/" ? found : found.slice(root.length);
      const folder = file.slice(0, file.lastIndexOf("/"));
      const files = folders.get(folder);
      if (files !== undefined) files.push(file);
      else if (folders.size < FOLDERS_MAX) folders.set(folder, [file]);
    }
  }
  return folders;
}

function nameOf(folder: string): string {
  return folder.replace(/^\/var\/log\//, "").replace(/[^A-Za-z0-9._-]+/g, "-");
}

async function runningServices({ disk, root }: Place): Promise<string[]> {
  const names = new Set<string>();
  for (const path of await disk.glob(join(root, "/proc/[0-9]*/comm"))) {
    // A process may end while it is looked at.
    const head = await readHead(disk, path, 64);
    if (typeof head !== "string") names.add(head.toString("utf8").trim());
  }
  return SERVICES.filter((name) => names.has(name));
}

/** The first bytes of a file, or the system's code when they cannot be read. */
async function readHead(disk: Disk, path: string, bytesMax: number): Promise<Buffer | string> {
  try {
    const file = await disk.open(path, "read");
    try {
      const target = Buffer.alloc(bytesMax);
      return target.subarray(0, await file.read(target, 0, bytesMax, 0));
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

async function exists({ disk, root }: Place, path: string): Promise<boolean> {
  try {
    await disk.stat(join(root, path));
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
