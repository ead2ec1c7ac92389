import { parse } from "yaml";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { type ConfigFault, loadConfig } from "../../shared/config/load.ts";
import { loadConfigFile, loadConfigFiles } from "../../shared/config/load-files.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { systemReason } from "../../shared/errors.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { type ConfigKind, configKindNames, configKinds, isConfigKind } from "./config-kinds.ts";

/** `tailrace validate`: checks a configuration file and tells every fault at once. */
export const command = defineCommand({
  summary: "Checks a configuration file and tells every fault at once, with line and column.",
  examples: [
    ["tailrace validate /etc/tailrace/agent.yaml", "exit 0 when it is right, 2 when it is not"],
    ["tailrace validate --kind aggregator a.yaml", "when its keys do not tell what it is"],
  ],
  configure: (command) => {
    command
      .argument("<file...>", "configuration files")
      .option(
        "--kind <kind>",
        `what the files are: ${configKindNames.join(", ")} (default: told by their keys)`,
      );
  },
  run: async (files, options, io) => {
    const kindName = options["kind"];
    if (kindName !== undefined && !(typeof kindName === "string" && isConfigKind(kindName))) {
      throw new UsageError(`--kind takes one of: ${configKindNames.join(", ")}`);
    }
    let exitCode: number = EXIT_DONE;
    for (const file of files) {
      let text: string;
      try {
        text = (await readWholeFile(io.platform.disk, file)).toString("utf8");
      } catch (error) {
        io.stderr(`${file}: cannot be read: ${systemReason(error)}\n`);
        exitCode = EXIT_USAGE;
        continue;
      }
      const told = kindOf(text);
      // Both are rules: a threshold is looked at as one when somebody calls it a rule.
      const isThreshold = kindName === "rules" && told === "thresholds";
      const kind = isThreshold ? told : (kindName ?? told);
      if (kind === undefined) {
        io.stderr(
          `${file}: its keys do not tell what it is; say --kind ${configKindNames.join("|")}\n`,
        );
        exitCode = EXIT_USAGE;
        continue;
      }
      const faults = await faultsOf(kind, { file, text }, io);
      if (faults === undefined) {
        await io.stdout(`${file}: a valid ${kind} configuration\n`);
      } else {
        io.stderr(faultLines(faults));
        exitCode = EXIT_USAGE;
      }
    }
    return exitCode;
  },
});

/** An agent's configuration has snippets beside it. */
async function faultsOf(
  kind: ConfigKind,
  { file, text }: { readonly file: string; readonly text: string },
  io: CommandIo,
): Promise<readonly ConfigFault[] | undefined> {
  const { schema } = configKinds[kind];
  const places = { disk: io.platform.disk, environment: io.environment };
  if (kind === "aggregator") return (await loadConfigFile(schema, file, places)).faults;
  if (kind !== "agent") return loadConfig(schema, text, file).faults;
  return (await loadConfigFiles(schema, file, places)).faults;
}

// The kind of which the file has the most keys; the first when it has none of any but is readable; undefined when two are level.
function kindOf(text: string): ConfigKind | undefined {
  const keys = topLevelKeys(text);
  let best: ConfigKind | undefined;
  let countMax = 0;
  for (const name of configKindNames) {
    if (!isConfigKind(name)) continue;
    const own: readonly string[] = configKinds[name].keys;
    const count = keys.filter((key) => own.includes(key)).length;
    if (count > countMax) {
      countMax = count;
      best = name;
    }
  }
  return best;
}

function topLevelKeys(text: string): string[] {
  try {
    const value: unknown = parse(text, { uniqueKeys: false, logLevel: "silent" });
    return typeof value === "object" && value !== null ? Object.keys(value) : [];
  } catch {
    // Not YAML: the keys at the beginnings of lines tell enough to choose the schema, whose loader then reports the fault.
    return [...text.matchAll(/^([a-z_]+):/gm)].map((match) => match[1] ?? "");
  }
}
