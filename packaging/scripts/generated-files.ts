/** Files of the project that are made from its schemas and commands; a test compares them with what lies there. */
import { z } from "zod";
import { agentCommands } from "../../agent/commands/registry.ts";
import { configKinds } from "../../aggregator/commands/config-kinds.ts";
import { aggregatorCommands } from "../../aggregator/commands/registry.ts";
import facts from "../../package.json" with { type: "json" };
import type { CommandDefinition } from "../../shared/command.ts";
import { settingsTable } from "../../shared/config/write-reference.ts";
import { errorCodes } from "../../shared/errors.ts";
import { manPage } from "./man-page.ts";

const commands = new Map<string, CommandDefinition>();
for (const [name, load] of Object.entries({ ...agentCommands, ...aggregatorCommands })) {
  commands.set(name, (await load()).command);
}

/** Content by path from the root of the project. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const sections: string[] = [];
  for (const [kind, { schema }] of Object.entries(configKinds)) {
    const json = z.toJSONSchema(schema, { io: "input" });
    files.set(`config/schema/${kind}.json`, `${JSON.stringify(json, null, 2)}\n`);
    const inline = z.toJSONSchema(schema, { io: "input", reused: "inline" });
    sections.push(`## ${kind}.yaml\n\n${settingsTable({ ...inline })}\n`);
  }
  files.set("config/REFERENCE.md", `${INTRODUCTION}\n${sections.join("\n")}\n${errorTable()}\n`);
  const { version, description } = facts;
  files.set("packaging/man/tailrace.1", manPage({ version, summary: description }, commands));
  return files;
}

const INTRODUCTION = `# Settings and errors

Made from the schemas by \`npm run generate\`; do not edit. \`tailrace schema KIND\` prints the same as a JSON Schema for editors, and
\`tailrace validate FILE\` checks a file.

Durations are written as \`250ms\`, \`10s\`, \`5m\`, \`2h\`, \`30d\`; sizes as \`64KiB\`, \`256MiB\`, \`1GB\`. In a setting that is a secret a text may
also be \`\${NAME}\` (a variable of the environment), \`file:PATH\` or \`credential:NAME\` (of the service manager). Lists of \`agent.yaml\` are
continued by the files in \`conf.d\` beside it.
`;

function errorTable(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, { retry, meaning }]) => `| \`${code}\` | ${retry} | ${meaning} |`,
  );
  return `## Errors\n\n| code | try again | meaning |\n| --- | --- | --- |\n${rows.join("\n")}`;
}
