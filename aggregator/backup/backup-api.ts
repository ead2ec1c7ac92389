import { isAbsolute } from "node:path";
import { z } from "zod";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { ProblemCode } from "../../shared/protocol/answers.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import { type BackupSource, makeBackup } from "./make-backup.ts";

/** https://www.sqlite.org/rescode.html#full */
const SQLITE_FULL = 13;

const asked = z.strictObject({
  directory: z.string().refine(isAbsolute, { error: "expected an absolute path" }),
});

/** Answers `POST /v1/backup`: one backup at a time. */
export class BackupApi {
  readonly #platform: Platform;
  readonly #source: BackupSource;
  #isUnderWay = false;

  constructor(platform: Platform, source: BackupSource) {
    this.#platform = platform;
    this.#source = source;
  }

  /** Makes a backup where the body says; answers when it is durable. */
  async answer({ headers, body }: HttpRequest): Promise<HttpResponse> {
    // A page in a browser can send other bodies than JSON unasked.
    if (!/^application\/json\b/.test(headers["content-type"] ?? "")) {
      return refusal(
        415,
        "unsupported_media_type",
        'Send a body of JSON: {"directory": "/absolute/path"}.',
      );
    }
    const parsed = asked.safeParse(parse(body));
    if (!parsed.success) {
      return refusal(400, "unreadable_body", 'Expected {"directory": "/absolute/path"}.');
    }
    if (this.#isUnderWay) return refusal(409, "no_backup", "Another backup is under way.");
    this.#isUnderWay = true;
    try {
      const { directory } = parsed.data;
      return jsonAnswer(200, {
        directory,
        ...(await makeBackup(this.#platform, this.#source, directory)),
      });
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      if (error.code === "BACKUP_UNUSABLE") return refusal(409, "no_backup", error.message);
      return isFull(error)
        ? refusal(507, "no_backup", `${error.message} Make room there, or name another disk.`)
        : refusal(500, "no_backup", `${error.message} Look after that disk, then try again.`);
    } finally {
      this.#isUnderWay = false;
    }
  }
}

/** True when something in the chain of causes says that there is no room, of the file system or of SQLite. */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "")) return true;
  if (Reflect.get(error, "errcode") === SQLITE_FULL) return true;
  return isFull(error.cause);
}

function refusal(status: number, code: ProblemCode, detail: string): HttpResponse {
  return problemAnswer({ status, code, detail });
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // The check that follows says what was expected.
    return undefined;
  }
}
