import { expect, it } from "vitest";
import { aggregatorCommands } from "../../../../aggregator/commands/registry.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { runCommand } from "../../../../shared/run-command.ts";
import { testIo } from "../../agent/commands/test-io.ts";

const facts = { name: "tailrace", version: "1", summary: "" };

/** Runs a command against an aggregator that took what it was asked, and does not know yet what came of it. */
async function ask(...words: readonly string[]) {
  const call = async () => ({
    status: 202,
    headers: {},
    body: Buffer.from('{"state":"accepted"}'),
  });
  const network = { ...realPlatform.network, call };
  const io = testIo({ platform: { ...realPlatform, network } });
  const code = await runCommand(facts, aggregatorCommands, words, io);
  return { code, output: io.output(), errors: io.errors() };
}

const LATER = "it is taken, and takes effect in a moment\n";

it("what is not done yet is said to be taken", async () => {
  expect(await ask("silence", "add", "service=orders")).toEqual({
    ...{ code: 0, output: "", errors: LATER },
  });
  expect((await ask("silence", "expire", "5c1e".repeat(8))).errors).toBe(LATER);
  expect((await ask("alerts", "ack", "0".repeat(32))).errors).toBe(LATER);
});
