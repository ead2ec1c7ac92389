import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agentConfig } from "../../../../agent/config.ts";
import { configSignature, loadConfigFiles } from "../../../../shared/config/load-files.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-config-"));
  await mkdir(join(folder, "conf.d"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const MAIN = `data_dir: /data
ship: { endpoints: ["http://127.0.0.1:7400"] }
sources:
  - { name: a, type: file, paths: [/a] }
`;
const write = (name: string, text: string) => writeFile(join(folder, name), text);
const load = () =>
  loadConfigFiles(agentConfig, join(folder, "agent.yaml"), { disk: realDisk, environment: {} });

describe("the signature of a configuration", () => {
  it("changes with each of its files, with new ones and with those that go, and else stays", async () => {
    const seen = new Set<string>();
    const look = async () => {
      const signature = await configSignature(join(folder, "agent.yaml"), realDisk);
      expect(await configSignature(join(folder, "agent.yaml"), realDisk)).toBe(signature);
      seen.add(signature);
    };
    await look();
    await write("agent.yaml", MAIN);
    await look();
    await write("conf.d/b.yaml", "id: b\n");
    await look();
    await write("conf.d/b.yaml", "id: web-2\n");
    await look();
    await rm(join(folder, "conf.d"), { recursive: true });
    await look();
    // The last is as the second was.
    expect(seen.size).toBe(4);
  });
});

describe("a configuration and the snippets beside it", () => {
  it("join: snippets add entries to lists and keys of their own, by name", async () => {
    await write("agent.yaml", MAIN);
    await write("conf.d/20-c.yaml", "sources: [{ name: c, type: file, paths: [/c] }]\n");
    await write("conf.d/10-b.yaml", "id: web-7\nsources: [{ name: b, type: file, paths: [/b] }]\n");
    await write("conf.d/ignored.txt", "no: yaml: at: all");
    const { config } = await load();
    expect(config?.id).toBe("web-7");
    expect(config?.sources.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  });

  it("tell faults of all files at once, each with the place in its own file", async () => {
    await write("agent.yaml", `flush_intervall: 1s\n${MAIN}`);
    await write(
      "conf.d/b.yaml",
      "sources:\n  - { name: a, type: file, paths: [/b] }\n  - { name: d, type: fill, paths: [/d] }\n",
    );
    const { faults } = await load();
    const places = faults?.map(({ file, line, column, path }) => [
      file.slice(folder.length + 1),
      line,
      column,
      path,
    ]);
    expect(places).toEqual([
      ["agent.yaml", 1, 1, "flush_intervall"],
      ["conf.d/b.yaml", 2, 13, "sources[1].name"],
      ["conf.d/b.yaml", 3, 22, "sources[2].type"],
    ]);
  });

  it("do not set the same key twice", async () => {
    await write("agent.yaml", MAIN);
    await write("conf.d/b.yaml", "\ndata_dir: /other\n");
    const { faults } = await load();
    expect(faults).toEqual([
      {
        file: join(folder, "conf.d/b.yaml"),
        line: 2,
        column: 1,
        path: "data_dir",
        message: `already set in ${join(folder, "agent.yaml")}; only lists are continued in another file`,
      },
    ]);
  });

  it("are one fault when a file cannot be read (CFG-02)", async () => {
    const { faults } = await load();
    expect(faults?.map(({ message }) => message)).toEqual([
      "cannot be read: ENOENT: there is no such file or folder",
    ]);
  });
});
