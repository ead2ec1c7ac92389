/** What a caller may do about an operating error. */
export type Retry = "never" | "now" | "later";

/** Every operating error: its code, what a caller may do, and what it means. In alphabetical order; the reference page is checked against it. */
export const errorCodes = {
  AGENT_MISMATCH: { retry: "never", meaning: "The data directory belongs to another agent." },
  AGENT_UNREACHABLE: {
    retry: "later",
    meaning: "No agent answers at the admin socket of the data directory.",
  },
  ARCHIVE_FAILED: {
    retry: "later",
    meaning: "A file of the archive could not be written or read.",
  },
  BACKUP_UNUSABLE: {
    retry: "never",
    meaning: "A folder holds no whole backup, or is not free for one.",
  },
  DISK_FAILED: { retry: "later", meaning: "A file could not be read or written." },
  FORMAT_UNKNOWN: {
    retry: "never",
    meaning: "Stored data has a format that this version cannot read.",
  },
  KAFKA_FAILED: { retry: "later", meaning: "Kafka did not do what it was asked for." },
  LISTEN_FAILED: { retry: "never", meaning: "The address to listen on cannot be used." },
  LOCK_HELD: { retry: "never", meaning: "Another process uses this data directory." },
  LOG_CORRUPT: { retry: "never", meaning: "The log holds bytes that were not written so." },
  LOG_FENCED: { retry: "never", meaning: "Another owner took the partition over." },
  LOG_FULL: { retry: "later", meaning: "The log is at its size limit; certainly not appended." },
  LOG_UNAVAILABLE: {
    retry: "later",
    meaning: "The log cannot be reached; certainly not appended.",
  },
  LOG_UNKNOWN: { retry: "later", meaning: "The outcome of an append or commit is not known." },
  NETWORK_FAILED: { retry: "later", meaning: "No whole answer came over the network." },
  PROGRAM_FAILED: {
    retry: "later",
    meaning: "Another program did not do what it was started for.",
  },
  PROGRAM_FILE_MISSING: {
    retry: "never",
    meaning: "A built part of the program is not there.",
  },
  PROGRAM_MISSING: { retry: "later", meaning: "Another program that is needed is not installed." },
  REQUEST_REFUSED: { retry: "never", meaning: "An aggregator refused what it was asked." },
  RESTORE_REFUSED: { retry: "never", meaning: "A restore would replace a state that is there." },
  RESTORE_UNFINISHED: {
    retry: "never",
    meaning: "A restore into this data directory was interrupted.",
  },
  SERVICE_MANAGER_FAILED: {
    retry: "later",
    meaning: "The service manager could not be told how the process stands.",
  },
  SINK_FAILED: { retry: "later", meaning: "A sink did not take what was written to it." },
  SPOOL_CORRUPT: { retry: "never", meaning: "The spool holds bytes that were not written so." },
  STATE_CORRUPT: { retry: "never", meaning: "Stored state holds bytes that were not written so." },
  STORE_FAILED: { retry: "never", meaning: "The state store did not commit." },
  TLS_INVALID: { retry: "never", meaning: "A certificate or its key cannot be read or used." },
} as const satisfies Record<string, { readonly retry: Retry; readonly meaning: string }>;

/** The code of an operating error. */
export type ErrorCode = keyof typeof errorCodes;

/** An operating error. Callers look at `code` and `retry`, never at the text. */
export class TailraceError extends Error {
  override readonly name = "TailraceError";
  readonly code: ErrorCode;
  readonly retry: Retry;
  /** What is known of the place and circumstances: file, segment, offset, … */
  readonly facts: Readonly<Record<string, string | number>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly facts?: Readonly<Record<string, string | number>>;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retry = errorCodes[code].retry;
    this.facts = options.facts ?? {};
  }
}

/** The system's code of a failed file operation (`ENOENT`, …), or undefined when `error` has none. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What the system's codes mean that a person meets who sets tailrace up. */
const SYSTEM_MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "this user may not",
  EADDRINUSE: "another process listens there; `ss -ltnp` shows which",
  EADDRNOTAVAIL: "this machine has no such address",
  EEXIST: "it is there already",
  EISDIR: "it is a folder",
  ENOENT: "there is no such file or folder",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of the path is no folder",
  EPERM: "this user may not",
  EROFS: "the file system is read-only",
};

/** Why the system refused something, for people: its code and what that means. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  const meaning = SYSTEM_MEANINGS[code];
  return meaning === undefined ? code : `${code}: ${meaning}`;
}

/** What a failed call of the system says to people, with its path; undefined when `error` is something else. */
export function systemFault(error: unknown): string | undefined {
  if (!(error instanceof Error && "syscall" in error)) return undefined;
  const path = "path" in error ? `${String(error.path)}: ` : "";
  return `${path}${systemReason(error)}`;
}
