/** Files of the project that are made from its schemas; a test compares them with what lies there. */
import { z } from "zod";
import { configKinds } from "../../aggregator/commands/config-kinds.ts";
import { settingsTable } from "../../shared/config/write-reference.ts";
import { errorCodes } from "../../shared/errors.ts";

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
