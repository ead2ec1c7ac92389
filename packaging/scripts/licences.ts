/** The file `copyright` of a package: under which terms everything in it may be used. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Something that comes with its own terms. */
export interface LicensedPart {
  /** As readers know it. */
  readonly name: string;
  /** The npm package that brings it. */
  readonly folder: string;
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;
const RULE = "-".repeat(80);

const factsSchema = z.object({
  version: z.string(),
  license: z.string(),
  repository: z.union([z.string(), z.object({ url: z.string() }).transform(({ url }) => url)]),
});

/** The terms of the project in `root`, then those of each part, word for word where it has them. Fails when a part comes without any. */
export async function licenceTexts(root: string, parts: readonly LicensedPart[]): Promise<string> {
  const names = parts.map(({ name }) => name).join(", ");
  const texts = [
    `tailrace is licensed as follows; after that come the terms of what it contains: ${names}.`,
    await readFile(join(root, "LICENSE"), "utf8"),
  ];
  for (const { name, folder } of parts) texts.push(`${name}\n\n${await termsOf(folder)}`);
  return `${texts.join(`\n\n${RULE}\n\n`)}\n`;
}

async function termsOf(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file)).toSorted();
  const texts = files.map((file) => readFile(join(folder, file), "utf8"));
  if (texts.length > 0) return (await Promise.all(texts)).join("\n\n");
  const facts = factsSchema.parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
  return `${facts.license}, says ${facts.repository} of version ${facts.version}, without further words.`;
}
