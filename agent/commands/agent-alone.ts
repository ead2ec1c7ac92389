import { processIo } from "../../shared/platform/process-io.ts";
import { type ProgramFacts, runCommand } from "../../shared/run-command.ts";
import { command } from "./agent.ts";

/**
 * Runs `tailrace agent` with the words of a command line, of which the first is `agent`; resolves with the exit code. All that a start needs hangs
 * on this file and is bundled into one: a start that loads 60 files takes a fifth more CPU (`test/benchmark/idle.ts`).
 */
export function runAgentAlone(facts: ProgramFacts, words: readonly string[]): Promise<number> {
  return runCommand(facts, { agent: () => Promise.resolve({ command }) }, words, processIo());
}
