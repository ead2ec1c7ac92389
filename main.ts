/** The program `tailrace`: joins the commands of the agent and of the aggregator. */
import facts from "./package.json" with { type: "json" };
import { endSoon } from "./shared/platform/end-soon.ts";
import { keepCompiledCode } from "./shared/platform/start-lean.ts";

keepCompiledCode();
const program = { name: facts.name, version: facts.version, summary: facts.description };
const words = process.argv.slice(2);
const [name = ""] = words;
// Imported only now, so that what they load is kept as compiled code, too.
if (name === "agent") {
  const { runAgentAlone } = await import("./agent/commands/agent-alone.ts");
  process.exitCode = await runAgentAlone(program, words);
} else {
  const { agentCommands } = await import("./agent/commands/registry.ts");
  const { aggregatorCommands } = await import("./aggregator/commands/registry.ts");
  const { processIo } = await import("./shared/platform/process-io.ts");
  const { runCommand } = await import("./shared/run-command.ts");
  const commands = { ...agentCommands, ...aggregatorCommands };
  process.exitCode = await runCommand(program, commands, words, processIo());
}
endSoon();
