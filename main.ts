/** The program `tailrace`: joins the commands of the agent and of the aggregator. */
import facts from "./package.json" with { type: "json" };
import { keepCompiledCode, keepHeapSmall, keepHeapSmallest } from "./shared/platform/start-lean.ts";

keepCompiledCode();
// What the edge reads is garbage at once; the aggregator's caches are better off with room. Only the agent stays, as a guest of its host.
if (process.argv[2] === "agent") keepHeapSmallest();
else if (["parse", "scan"].includes(process.argv[2] ?? "")) keepHeapSmall();
// Imported only now, so that what they load is kept as compiled code, too.
const { endSoon } = await import("./shared/platform/end-soon.ts");
const { agentCommands } = await import("./agent/commands/registry.ts");
const { aggregatorCommands } = await import("./aggregator/commands/registry.ts");
const { processIo } = await import("./shared/platform/process-io.ts");
const { runCommand } = await import("./shared/run-command.ts");

process.exitCode = await runCommand(
  { name: facts.name, version: facts.version, summary: facts.description },
  { ...agentCommands, ...aggregatorCommands },
  process.argv.slice(2),
  processIo(),
);
endSoon();
