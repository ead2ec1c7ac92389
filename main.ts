/** The program `tailrace`: joins the commands of the agent and of the aggregator. */
import { agentCommands } from "./agent/commands/registry.ts";
import { aggregatorCommands } from "./aggregator/commands/registry.ts";
import facts from "./package.json" with { type: "json" };
import { processIo } from "./shared/platform/process-io.ts";
import { runCommand } from "./shared/run-command.ts";

process.exitCode = await runCommand(
  { name: facts.name, version: facts.version, summary: facts.description },
  { ...agentCommands, ...aggregatorCommands },
  process.argv.slice(2),
  processIo(),
);
