/** Services in a root where no systemd runs, started as their units say. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { DebianRoot } from "./debian-root.ts";

const OUTPUT_LENGTH_MAX = 4_000;

/** A service of the packages that runs. */
export class RunningService {
  /**
   * Starts `ExecStart` of a unit as its user, in its groups that are there, with its umask, environment and no capability, after `ExecStartPre`
   * succeeded; not when there is no configuration or its folder is not its user's. Fails with what it says when it does not start.
   */
  static async start(root: DebianRoot, name: string): Promise<RunningService> {
    const unit = await readFile(root.path(`/usr/lib/systemd/system/${name}.service`), "utf8");
    const groups = await readFile(root.path("/etc/group"), "utf8");
    const child = root.start(["sh", "-c", startScript(unit, groups)]);
    const service = new RunningService(root, child);
    await Promise.race([once(child, "exit"), service.#started]);
    if (service.#pid === "") throw new Error(`${name} does not start: ${service.#output}`);
    return service;
  }

  readonly #root: DebianRoot;
  readonly #child: ChildProcess;
  readonly #started: Promise<void>;
  #pid = "";
  #output = "";

  private constructor(root: DebianRoot, child: ChildProcess) {
    this.#root = root;
    this.#child = child;
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-OUTPUT_LENGTH_MAX);
    });
    this.#started = new Promise((resolve) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        this.#pid ||= /^process (\d+)$/m.exec(chunk.toString("utf8"))?.[1] ?? "";
        if (this.#pid !== "") resolve();
      });
    });
  }

  /** Ends it as systemd does. Fails with what it said when it does not end well. */
  async stop(): Promise<void> {
    const gone = once(this.#child, "exit");
    await this.#root.run("sh", "-c", `kill -TERM ${this.#pid}`);
    const [code] = await gone;
    if (code !== 0) throw new Error(`it ended with ${code}: ${this.#output}`);
  }
}

function startScript(unit: string, groupFile: string): string {
  const values = (key: string) =>
    [...unit.matchAll(/^(\w+)=(.*)$/gm)].flatMap(([, name, value = ""]) =>
      name === key ? [value] : [],
    );
  const value = (key: string) => values(key)[0] ?? "";
  const groups = value("SupplementaryGroups")
    .split(" ")
    .filter((group) => groupFile.includes(`${group}:`));
  const identity = `--reuid=${value("User")} --regid=${value("Group")} --groups=${groups.join(",")} --no-new-privs --inh-caps=-all --bounding-set=-all`;
  return `set -e
stat ${value("ConditionPathExists")} >&2
test "$(stat -c %U /var/lib/${value("StateDirectory")})" = ${value("User")}
umask ${value("UMask")}
set -a
. ${value("EnvironmentFile").replace(/^-/, "")}
${values("Environment").join("\n")}
set +a
setpriv ${identity} ${value("ExecStartPre")} >&2
echo "process $$"
exec setpriv ${identity} ${value("ExecStart")}
`;
}
