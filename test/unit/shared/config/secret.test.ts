import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadConfigFiles } from "../../../../shared/config/load-files.ts";
import { secret, secretReferences } from "../../../../shared/config/secret.ts";
import { realDisk } from "../../../../shared/platform/real-disk.ts";

const schema = z.strictObject({
  name: z.string(),
  doors: z.array(z.strictObject({ url: z.string(), token: secret("Who we are.") })),
});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-secret-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function load(token: string, environment: Readonly<Record<string, string>> = {}) {
  const file = join(folder, "a.yaml");
  await writeFile(file, `name: \${HOME}\ndoors:\n  - url: u\n    token: ${token}\n`);
  return loadConfigFiles(schema, file, { disk: realDisk, environment });
}

describe("a secret in a configuration", () => {
  it("is the text itself when it names no place", async () => {
    expect((await load("s3cret")).config?.doors[0]?.token).toBe("s3cret");
  });

  it("comes from a variable of the environment, only where a secret belongs", async () => {
    const { config } = await load("${TOKEN}", { TOKEN: "s3cret", HOME: "/nowhere" });
    expect(config).toEqual({ name: "${HOME}", doors: [{ url: "u", token: "s3cret" }] });
  });

  it("comes from a file, without the line end", async () => {
    const path = join(folder, "token");
    await writeFile(path, "s3cret\n");
    expect((await load(`file:${path}`)).config?.doors[0]?.token).toBe("s3cret");
  });

  it("comes from the service manager's credentials", async () => {
    await writeFile(join(folder, "ship-token"), "s3cret");
    const { config } = await load("credential:ship-token", { CREDENTIALS_DIRECTORY: folder });
    expect(config?.doors[0]?.token).toBe("s3cret");
  });

  it.each([
    ["${TOKEN}", "the environment has no variable `TOKEN`"],
    [
      "file:/nowhere/token",
      "/nowhere/token cannot be read: ENOENT: there is no such file or folder",
    ],
    ["credential:x", "there are no credentials: expected LoadCredential=x:… in the unit"],
  ])("that is missing, %s, is one fault with its place (CFG-02)", async (token, message) => {
    const { faults } = await load(token);
    expect(faults).toEqual([
      { file: join(folder, "a.yaml"), line: 4, column: 12, path: "doors[0].token", message },
    ]);
  });
});

describe("references", () => {
  it("are found where the schema takes a secret, each once", () => {
    const door = { url: "${URL}", token: "${TOKEN}" };
    expect(secretReferences(schema, { name: "file:x", doors: [door, door] })).toEqual(["${TOKEN}"]);
  });
});
