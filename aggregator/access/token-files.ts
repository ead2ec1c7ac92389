/** The files of tokens; FORMAT.md shows them. */
import { join } from "node:path";
import { z } from "zod";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { replaceFile } from "../../shared/platform/replace-file.ts";
import { SCOPES } from "../../shared/protocol/principal.ts";

const FORMAT_VERSION = 1;

const time = z.iso.datetime();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const tokenSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  hash,
  scopes: z.array(z.enum(SCOPES)).min(1),
  agent: z.string().optional(),
  createdAt: time,
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});

const codeSchema = z.strictObject({
  id: z.string(),
  hash,
  agent: z.string().optional(),
  createdAt: time,
  expiresAt: time,
});

const givenSchema = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  tokens: z.array(tokenSchema),
  codes: z.array(codeSchema),
  revoked: z.array(z.strictObject({ id: z.string(), revokedAt: time })),
});

const enrolledSchema = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  tokens: z.array(tokenSchema),
  usedCodes: z.array(z.string()),
});

/** One token, without its secret. */
export type Token = z.infer<typeof tokenSchema>;

/** One code for which an agent gets a token, once. */
export type EnrollCode = z.infer<typeof codeSchema>;

/** What `tailrace token` wrote. */
export type GivenTokens = z.infer<typeof givenSchema>;

/** What the aggregator gave for codes. */
export type EnrolledTokens = z.infer<typeof enrolledSchema>;

/** Reads what `tailrace token` wrote; nothing when there is no file. Fails with FORMAT_UNKNOWN or DISK_FAILED. */
export async function readGiven(disk: Disk, directory: string): Promise<GivenTokens> {
  const found = await readJson(disk, givenPath(directory), givenSchema);
  return found ?? { version: FORMAT_VERSION, tokens: [], codes: [], revoked: [] };
}

/** Reads what the aggregator gave; nothing when there is no file. Fails with FORMAT_UNKNOWN or DISK_FAILED. */
export async function readEnrolled(disk: Disk, directory: string): Promise<EnrolledTokens> {
  const found = await readJson(disk, enrolledPath(directory), enrolledSchema);
  return found ?? { version: FORMAT_VERSION, tokens: [], usedCodes: [] };
}

/** Writes durably. Fails with DISK_FAILED. */
export function writeGiven(disk: Disk, directory: string, tokens: GivenTokens): Promise<void> {
  return replaceFile(disk, givenPath(directory), json(tokens));
}

/** Writes durably. Fails with DISK_FAILED. */
export function writeEnrolled(
  disk: Disk,
  directory: string,
  tokens: EnrolledTokens,
): Promise<void> {
  return replaceFile(disk, enrolledPath(directory), json(tokens));
}

/** A text that changes when `tailrace token` writes. */
export async function givenSignature(disk: Disk, directory: string): Promise<string> {
  try {
    const { inode, bytes, modifiedMs } = await disk.stat(givenPath(directory));
    return `${inode} ${bytes} ${modifiedMs}`;
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

function givenPath(directory: string): string {
  return join(directory, "tokens.json");
}

function enrolledPath(directory: string): string {
  return join(directory, "enrolled.json");
}

function json(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

async function readJson<S extends z.ZodType>(
  disk: Disk,
  path: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readWholeFile(disk, path);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT") return undefined;
    if (code === undefined) throw cause;
    const text = `${path} cannot be read: ${code}`;
    throw new TailraceError("DISK_FAILED", text, { cause, facts: { path } });
  }
  const parsed = schema.safeParse(parse(bytes));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const text = `${path} is not understood (${issue?.path.join(".")}: ${issue?.message}): was it written by another version?`;
  throw new TailraceError("FORMAT_UNKNOWN", text, { facts: { path } });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    // The schema says that nothing is not what was expected.
    return undefined;
  }
}
