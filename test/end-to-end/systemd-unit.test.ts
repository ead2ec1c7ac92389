import { readFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { agentCommands } from "../../agent/commands/registry.ts";
import { aggregatorCommands } from "../../aggregator/commands/registry.ts";
import type { CommandSet } from "../../shared/run-command.ts";

const unit = new URL("../../packaging/systemd/tailrace-agent.service", import.meta.url);
const lines = readFileSync(unit, "utf8").split("\n");
const valuesOf = (key: string) =>
  lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));

describe("the unit of the agent", () => {
  it("checks the configuration and starts the agent with options that the program knows", async () => {
    const commands: CommandSet = { ...agentCommands, ...aggregatorCommands };
    const started = [...valuesOf("ExecStartPre"), ...valuesOf("ExecStart")];
    expect(started.length).toBe(2);
    for (const line of started) {
      const [program, name = "", ...words] = line.split(" ");
      expect(program).toBe("/usr/bin/tailrace");
      const load = commands[name];
      if (load === undefined) throw new Error(`there is no command ${name}`);
      const parser = new Command(name).exitOverride();
      (await load()).command.configure(parser);
      parser.parse(words, { from: "user" });
    }
  });

  it("hears the agent through systemd-notify, reloads it by SIGHUP and lets V8 compile", () => {
    expect(valuesOf("Type")).toEqual(["notify"]);
    expect(valuesOf("NotifyAccess")).toEqual(["all"]);
    expect(valuesOf("ExecReload")).toEqual(["/bin/kill -HUP $MAINPID"]);
    expect(valuesOf("MemoryDenyWriteExecute")).toEqual([]);
    expect(valuesOf("WatchdogSec")).toEqual(["60s"]);
  });
});
