import { readFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { agentCommands } from "../../agent/commands/registry.ts";
import { aggregatorCommands } from "../../aggregator/commands/registry.ts";
import type { CommandSet } from "../../shared/run-command.ts";

function unitOf(name: string): (key: string) => string[] {
  const unit = new URL(`../../packaging/systemd/${name}.service`, import.meta.url);
  const lines = readFileSync(unit, "utf8").split("\n");
  return (key) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

describe.each(["tailrace-agent", "tailrace-aggregator"])("the unit %s", (name) => {
  const valuesOf = unitOf(name);
  const kind = name.replace("tailrace-", "");

  it("checks the configuration and starts the program with options that it knows", async () => {
    const commands: CommandSet = { ...agentCommands, ...aggregatorCommands };
    const started = [...valuesOf("ExecStartPre"), ...valuesOf("ExecStart")];
    expect(started.length).toBe(2);
    for (const line of started) {
      const [program, command = "", ...words] = line.split(" ");
      expect(program).toBe("/usr/bin/tailrace");
      const load = commands[command];
      if (load === undefined) throw new Error(`there is no command ${command}`);
      const parser = new Command(command).exitOverride();
      (await load()).command.configure(parser);
      parser.parse(words, { from: "user" });
    }
  });

  it("waits for a configuration, reloads by SIGHUP, lets V8 compile and runs without root", () => {
    expect(valuesOf("ConditionPathExists")).toEqual([`/etc/tailrace/${kind}.yaml`]);
    expect(valuesOf("ExecReload")).toEqual(["/bin/kill -HUP $MAINPID"]);
    expect(valuesOf("MemoryDenyWriteExecute")).toEqual([]);
    expect(valuesOf("User")).toEqual([kind === "agent" ? "tailrace" : "tailrace-aggregator"]);
    expect(valuesOf("CapabilityBoundingSet")).toEqual([""]);
  });
});

describe("the unit of the agent", () => {
  it("hears the agent through systemd-notify, and watches it", () => {
    const valuesOf = unitOf("tailrace-agent");
    expect(valuesOf("Type")).toEqual(["notify"]);
    expect(valuesOf("NotifyAccess")).toEqual(["all"]);
    expect(valuesOf("WatchdogSec")).toEqual(["60s"]);
  });
});
