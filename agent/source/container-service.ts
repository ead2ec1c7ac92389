/**
 * The service that the events of a container's log belong to when neither they nor the configuration name one: the container's name.
 *
 * ```text
 * /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log            Kubernetes
 * /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log         links to the former
 * /var/lib/docker/containers/ID/ID-json.log                  Docker, with the container's name in config.v2.json beside it
 * ```
 */
import { dirname, join } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";

const POD = /\/pods\/[^/_]+_[^/_]+_[^/_]+\/([^/]+)\/[^/]+$/;
const LINK = /\/containers\/[^/_]+_[^/_]+_([^/]+)-[0-9a-f]{64}\.log[^/]*$/;
const DOCKER = /\/containers\/([0-9a-f]{64})\/\1-json\.log[^/]*$/;
/** What people and `docker ps` call a container by. */
const SHORT_ID_LENGTH = 12;
const CONFIG_BYTES_MAX = 1024 * 1024;

/** The service of the log at `path`; undefined when it is no container's. */
export async function containerService(disk: Disk, path: string): Promise<string | undefined> {
  const name = (POD.exec(path) ?? LINK.exec(path))?.[1];
  if (name !== undefined) return name;
  const id = DOCKER.exec(path)?.[1];
  if (id === undefined) return undefined;
  return (await dockerName(disk, dirname(path))) ?? id.slice(0, SHORT_ID_LENGTH);
}

/** The service of Docker Compose, or the container's name; undefined when Docker does not let it be read. */
async function dockerName(disk: Disk, folder: string): Promise<string | undefined> {
  let config: unknown;
  try {
    const bytes = await readWholeFile(disk, join(folder, "config.v2.json"), CONFIG_BYTES_MAX);
    config = JSON.parse(bytes.toString());
  } catch (error) {
    if (systemCode(error) === undefined && !(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  const service = textAt(config, ["Config", "Labels", "com.docker.compose.service"]);
  return service ?? textAt(config, ["Name"])?.replace(/^\//, "");
}

function textAt(value: unknown, keys: readonly string[]): string | undefined {
  let found = value;
  for (const key of keys) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = Reflect.get(found, key);
  }
  return typeof found === "string" && found !== "" ? found : undefined;
}
