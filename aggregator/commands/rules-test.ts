import { dirname, resolve } from "node:path";
import {
  type CommandIo,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";
import {
  type RuleTest,
  ruleTestSchema,
  runRuleTest,
  type TestedRules,
} from "../rules/rule-test.ts";
import { type ReadFile, readAllRules, readFiles } from "./rules-files.ts";

/** `tailrace rules test`: runs files of tests, and says what is not as they expect. */
export async function testRules(paths: readonly string[], io: CommandIo): Promise<number> {
  if (paths.length === 0) throw new UsageError("name at least one file of tests, or a folder");
  const files = await readFiles(paths, io);
  if (files === undefined) return EXIT_USAGE;
  let exitCode: number = EXIT_DONE;
  for (const file of files) exitCode = Math.max(exitCode, await testFile(file, io));
  return exitCode;
}

async function testFile({ file, text }: ReadFile, io: CommandIo): Promise<number> {
  const { config, faults } = loadConfig(ruleTestSchema, text, file);
  if (faults !== undefined) {
    io.stderr(faultLines(faults));
    return EXIT_USAGE;
  }
  const rules = await readAllRules(
    config.rules.map((path) => resolve(dirname(file), path)),
    io,
  );
  if (rules === undefined) return EXIT_USAGE;
  let failedCount = 0;
  for (const test of config.tests) {
    const wrong = faultsOf(rules, test, config.out_of_orderness);
    if (wrong.length === 0) continue;
    failedCount++;
    await io.stdout(`${file}: ${test.name}: failed\n${wrong.map((one) => `  ${one}\n`).join("")}`);
  }
  const passedCount = config.tests.length - failedCount;
  await io.stdout(`${file}: ${passedCount} passed, ${failedCount} failed\n`);
  return failedCount === 0 ? EXIT_DONE : EXIT_FAILED;
}

function faultsOf(rules: TestedRules, test: RuleTest, outOfOrdernessMs: number): string[] {
  try {
    return runRuleTest(rules, test, outOfOrdernessMs);
  } catch (error) {
    if (!(error instanceof SkipMissError)) throw error;
    return [`the rule stops: ${error.message}`];
  }
}
