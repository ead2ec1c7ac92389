import { z } from "zod";
import { defineCommand, EXIT_DONE, UsageError } from "../../shared/command.ts";
import { configKindNames, configKinds, isConfigKind } from "./config-kinds.ts";

/** `tailrace schema`: prints the JSON Schema of a kind of configuration file. */
export const command = defineCommand({
  summary: "Prints the JSON Schema of a configuration file, for editors.",
  examples: [["tailrace schema agent > agent.schema.json", "the schema of agent.yaml"]],
  configure: (command) => {
    command.argument("<kind>", `one of: ${configKindNames.join(", ")}`);
  },
  run: async ([kind = ""], _options, io) => {
    if (!isConfigKind(kind))
      throw new UsageError(`the kind is one of: ${configKindNames.join(", ")}`);
    const schema = z.toJSONSchema(configKinds[kind].schema, { io: "input" });
    await io.stdout(`${JSON.stringify(schema, null, 2)}\n`);
    return EXIT_DONE;
  },
});
