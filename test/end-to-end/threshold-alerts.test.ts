import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aggregatorCommands } from "../../aggregator/commands/registry.ts";
import { systemCode } from "../../shared/errors.ts";
import { runCommand } from "../../shared/run-command.ts";
import { testIo } from "../unit/agent/commands/test-io.ts";
import { BurstScene, playBurst } from "./error-burst.ts";

let folder: string;
let scene: BurstScene;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-burst-"));
  const out = { name: "out", type: "file", flush_interval: "50ms" };
  const sinks = [{ ...out, alerts_path: join(folder, "alerts.ndjson") }];
  const archive = { dir: join(folder, "archive"), interval: "1s" };
  scene = await BurstScene.start(folder, sinks, { archive });
});
afterEach(async () => {
  await scene.remove();
  await rm(folder, { recursive: true, force: true });
});

/** A line of what a backtest prints. */
interface Change {
  readonly key: string;
  readonly state: string;
  readonly timestamp: string;
  readonly alert: { readonly id: string };
}

/** Runs a command against the aggregator. */
async function tailrace(...words: string[]) {
  const io = testIo();
  const facts = { name: "tailrace", version: "0", summary: "" };
  const all = [...words, "--endpoint", scene.address];
  const code = await runCommand(facts, aggregatorCommands, all, io);
  return { code, output: io.output(), errors: io.errors() };
}

async function written(): Promise<string[]> {
  const text = await readFile(join(folder, "alerts.ndjson"), "utf8").catch((error: unknown) => {
    // The sink makes it once it is open, which a kill may have come before.
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  });
  // What stands behind the last line end is being written.
  return text
    .split("\n")
    .slice(0, -1)
    .map((line): { id: string; state: string; revision: number } => JSON.parse(line))
    .map(({ id, state, revision }) => `${id} ${state} r${revision}`);
}

describe("a burst of errors", () => {
  it("fires once within 15 s of the window's end, and resolves once, whatever is killed when", async () => {
    const { id } = await playBurst(scene);
    expect(await scene.alerts()).toHaveLength(1);
    const lines = [`${id} firing r2`, `${id} acknowledged r3`, `${id} resolved r4`];
    while ((await written()).length < lines.length) await setTimeout(50);
    expect(await written()).toEqual(lines);
  }, 120_000);

  it("is found in the archive by a backtest, as it was live, and by another rule at other times", async () => {
    for (const [minute, errors] of [0, 5, 5, 5, 0, 0, 0].entries()) {
      await scene.minute(minute, errors);
    }
    const { id } = await scene.alertIn("resolved");
    const metrics = () => scene.call("/metrics");
    while (!/^tailrace_archive_waiting_bytes 0$/m.test(await metrics())) await setTimeout(100);
    const backtest = async (rule: string) => {
      const io = testIo();
      const facts = { name: "tailrace", version: "0", summary: "" };
      const words = ["rules", "backtest", rule, "--archive", join(folder, "archive")];
      const code = await runCommand(facts, aggregatorCommands, words, io);
      expect([code, io.errors()]).toEqual([0, expect.stringContaining("windows of")]);
      return io
        .output()
        .trimEnd()
        .split("\n")
        .map((line): Change => JSON.parse(line))
        .filter(({ key }) => key === "orders")
        .map(({ state, timestamp, alert }) => [state, timestamp.slice(11, 19), alert.id]);
    };
    const live = join(folder, "high-error-rate.yaml");
    expect(await backtest(live)).toEqual([
      ["firing", "10:03:00", id],
      ["resolved", "10:06:00", id],
    ]);
    const quicker = join(folder, "quicker.yaml");
    const text = (await readFile(live, "utf8")).replaceAll("for: 2m", "for: 1m");
    await writeFile(quicker, text.replace("name: high-error-rate", "name: quicker"));
    expect((await backtest(quicker)).map(([state, time]) => [state, time])).toEqual([
      ["firing", "10:02:00"],
      ["resolved", "10:05:00"],
    ]);
  }, 120_000);

  it("can be looked at, acknowledged and silenced from the command line", async () => {
    await scene.minute(0, 5);
    await scene.minute(1, 5);
    const { id } = await scene.alertIn("firing");
    const listed = await tailrace("alerts", "ls");
    expect(listed.output).toContain("orders: 25 % failed");
    expect(listed.errors).toBe("1 alert\n");
    const added = await tailrace("silence", "add", "team=shop", "--for", "2h", "--by", "ann");
    expect(added.code).toBe(0);
    const silence = added.output.trim();
    expect((await tailrace("alerts", "ls")).output).toContain("firing (silent)");
    expect((await tailrace("silence", "ls")).output).toContain('team="shop"');
    await tailrace("silence", "expire", silence);
    expect((await tailrace("silence", "ls")).errors).toBe("0 silences\n");
    const acked = await tailrace("alerts", "ack", id.slice(0, 8), "--by", "ann", "--comment", "c");
    expect([acked.code, acked.errors]).toEqual([0, `${id.slice(0, 12)} acknowledged\n`]);
    const shown = JSON.parse((await tailrace("alerts", "show", id)).output);
    expect(shown).toMatchObject({
      state: "acknowledged",
      acknowledged: { by: "ann", comment: "c" },
    });
    expect((await tailrace("alerts", "ack", id)).code).toBe(1);
    const audit: { entries: { action: string; by: string }[] } = JSON.parse(
      await scene.call("/v1/audit"),
    );
    expect(audit.entries.map(({ action }) => action)).toEqual(["acknowledge", "expire", "silence"]);
  }, 60_000);
});
