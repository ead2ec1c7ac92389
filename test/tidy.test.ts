/** Rules of CONTRIBUTING.md that no linter knows. Each failure names the file and what to do. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { agentCommands } from "../agent/commands/registry.ts";
import { aggregatorCommands } from "../aggregator/commands/registry.ts";
import { generatedFiles } from "../packaging/scripts/generated-files.ts";
import { errorCodes } from "../shared/errors.ts";

const root = join(import.meta.dirname, "..");

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes("/kernel/assembly/"))
    .toSorted();
}

const read = (path: string) => readFileSync(join(root, path), "utf8");
const sources = ["agent", "aggregator", "shared"].flatMap((folder) => filesBelow(folder, ".ts"));
const documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].concat(
  ["agent", "aggregator", "shared", "config", "test"].flatMap((folder) =>
    filesBelow(folder, ".md"),
  ),
);

function importsOf(path: string): string[] {
  return [...read(path).matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

function target(path: string, specifier: string): string {
  return specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : specifier;
}

const OUTSIDE_WORLD = [
  /^node:(fs|fs\/promises|net|http|https|dgram|tls|child_process|timers|timers\/promises|worker_threads|os)$/,
  /^chokidar$/,
  /^undici$/,
];
/** Files outside shared/platform that are themselves a door to the outside: drivers of stores and sinks, and commands about this machine. */
const DRIVERS = [
  "aggregator/state/sqlite-store.ts",
  "agent/commands/bench.ts",
  "agent/commands/sim.ts",
];
/** Stage folders that may look into another one. */
const STAGE_EDGES: Readonly<Record<string, readonly string[]>> = {
  "agent/admin": ["agent/parsers"],
  "agent/init": ["agent/parsers"],
  "agent/kernel": ["agent/parsers", "agent/window"],
  "agent/scan": ["agent/parsers", "agent/source", "agent/window"],
  "agent/telemetry": ["agent/admin"],
  "agent/window": ["agent/parsers", "agent/kernel"],
  "aggregator/archive": ["aggregator/log", "aggregator/state"],
  "aggregator/backup": ["aggregator/state"],
  "aggregator/collect": ["aggregator/log", "aggregator/state"],
  "aggregator/process": [
    "aggregator/log",
    "aggregator/state",
    "aggregator/collect",
    "aggregator/rules",
    "aggregator/alerts",
  ],
  "aggregator/log": ["aggregator/state"],
  "aggregator/state": ["aggregator/log"],
  "aggregator/receive": ["aggregator/log"],
  "aggregator/rules": ["aggregator/cep", "aggregator/alerts"],
  "aggregator/serve": [
    "aggregator/process",
    "aggregator/log",
    "aggregator/state",
    "aggregator/alerts",
  ],
  "aggregator/sources": ["aggregator/log", "aggregator/kafka"],
  "aggregator/sinks": [
    "aggregator/process",
    "aggregator/log",
    "aggregator/state",
    "aggregator/kafka",
    "aggregator/alerts",
  ],
};

function stageOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

describe("imports", () => {
  it("go from the agent and the aggregator to shared, never across or back", () => {
    const wrong: string[] = [];
    for (const path of sources) {
      const half = path.split("/")[0];
      if (path.includes("/commands/")) continue;
      for (const specifier of importsOf(path)) {
        const other = target(path, specifier).split("/")[0] ?? "";
        if (!["agent", "aggregator", "test"].includes(other)) continue;
        if (other !== half) wrong.push(`${path} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("do not tie stage folders together beyond the stated edges", () => {
    const wrong: string[] = [];
    for (const path of sources) {
      const stage = stageOf(path);
      if (stage.endsWith(".ts") || stage.startsWith("shared/") || stage.endsWith("/commands"))
        continue;
      for (const specifier of importsOf(path)) {
        const found = target(path, specifier);
        if (!specifier.startsWith(".") || found.startsWith("shared/")) continue;
        const other = stageOf(found);
        if (other === stage || STAGE_EDGES[stage]?.includes(other)) continue;
        wrong.push(`${path} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("reach the outside world only through shared/platform", () => {
    const wrong = sources
      .filter((path) => !path.startsWith("shared/platform/") && !DRIVERS.includes(path))
      .flatMap((path) =>
        importsOf(path)
          .filter((specifier) => OUTSIDE_WORLD.some((pattern) => pattern.test(specifier)))
          .map((specifier) => `${path} imports ${specifier}`),
      );
    expect(wrong).toEqual([]);
  });

  it("take the clock, timers and randomness from the ports", () => {
    const global =
      /\b(Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|process\.(env|hrtime|nextTick|exit))\b/;
    const wrong: string[] = [];
    for (const path of sources) {
      if (path.startsWith("shared/platform/") || DRIVERS.includes(path)) continue;
      for (const [index, line] of read(path).split("\n").entries()) {
        const code = line.replace(/\/\/.*|^\s*\*.*|\/\*\*.*/, "");
        if (global.test(code)) wrong.push(`${path}:${index + 1} ${line.trim()}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("source files", () => {
  it("have a docstring on every export", () => {
    const wrong: string[] = [];
    for (const path of sources) {
      const lines = read(path).split("\n");
      for (const [index, line] of lines.entries()) {
        if (!/^export (?:abstract )?(?:async )?(?:function|class|const|interface|type) /.test(line))
          continue;
        const before = lines[index - 1] ?? "";
        if (!/\*\/\s*$/.test(before)) wrong.push(`${path}:${index + 1} ${line.slice(0, 60)}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("are not named after nothing in particular", () => {
    const wrong = sources.filter((path) =>
      /\/(utils?|common|helpers?|misc|types|index)\.ts$/.test(path),
    );
    expect(wrong).toEqual([]);
  });

  it("stand in the tree at most two folders below the top", () => {
    expect(sources.filter((path) => path.split("/").length > 4)).toEqual([]);
  });

  it("use the words of the glossary", () => {
    const banned: readonly (readonly [RegExp, string])[] = [
      [/\bsrc\b/, "source"],
      [/\bdst\b/, "target"],
      [/\bblacklist\b/i, "deny list"],
      [/\bwhitelist\b/i, "allow list"],
      [/\bTODO\b|\bFIXME\b|\bXXX\b/, "finish it, or write down why not"],
    ];
    const wrong: string[] = [];
    for (const path of sources) {
      for (const [index, line] of read(path).split("\n").entries()) {
        for (const [pattern, instead] of banned) {
          if (pattern.test(line)) wrong.push(`${path}:${index + 1} ${pattern}: say "${instead}"`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("unit tests", () => {
  it("mirror the tree: each stands where its source stands", () => {
    const stray = filesBelow("test/unit", ".test.ts").filter((path) => {
      const source = path.replace(/^test\/unit\//, "").replace(/\.test\.ts$/, ".ts");
      return !sources.includes(source);
    });
    expect(stray).toEqual([]);
  });
});

describe("registries", () => {
  it("list error codes in alphabetical order", () => {
    const codes = Object.keys(errorCodes);
    expect(codes).toEqual(codes.toSorted());
  });

  it("list only error codes that are used", () => {
    const text = sources
      .filter((path) => path !== "shared/errors.ts")
      .map(read)
      .join("\n");
    const unused = Object.keys(errorCodes).filter((code) => !text.includes(`"${code}"`));
    expect(unused).toEqual([]);
  });

  it("give every command a summary and examples that begin with the program's name", async () => {
    for (const [name, load] of Object.entries({ ...agentCommands, ...aggregatorCommands })) {
      const { command } = await load();
      expect(command.summary, name).toMatch(/\.$/);
      expect(command.examples.length, name).toBeGreaterThan(0);
      for (const [line] of command.examples) expect(line, name).toContain(`tailrace ${name}`);
    }
  });
});

describe("files that are made from the schemas", () => {
  it.each([...generatedFiles()])("%s is what `npm run generate` writes", (path, text) => {
    expect(read(path)).toBe(text);
  });
});

describe("documents", () => {
  it("carry no machine path and link only to files that exist", () => {
    const wrong: string[] = [];
    for (const path of documents) {
      const text = read(path);
      if (/\/(work|root|home)\//.test(text)) wrong.push(`${path}: a machine's path`);
      for (const [, link = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(link)) continue;
        try {
          readFileSync(join(root, dirname(path), link));
        } catch (error) {
          if (error instanceof Error && "code" in error && error.code === "EISDIR") continue;
          wrong.push(`${path}: no file ${link}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});
