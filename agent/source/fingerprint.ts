import { createHash } from "node:crypto";

/** Count of the first bytes of a file that its fingerprint covers at most. */
export const FINGERPRINT_BYTES_MAX = 1024;

/** Hash of a file's first bytes; grows with the file until it covers {@link FINGERPRINT_BYTES_MAX}. */
export interface Fingerprint {
  /** Count of the bytes covered. */
  readonly fingerprintBytes: number;
  /** Lower-case hex; empty when no bytes are covered. */
  readonly fingerprint: string;
}

/** The fingerprint of a file without content. */
export const FINGERPRINT_NONE: Fingerprint = { fingerprintBytes: 0, fingerprint: "" };

/** The fingerprint of a file that begins with `head`; what of it is beyond the limit does not matter. */
export function fingerprintOf(head: Uint8Array): Fingerprint {
  const covered = head.subarray(0, FINGERPRINT_BYTES_MAX);
  if (covered.length === 0) return FINGERPRINT_NONE;
  return { fingerprintBytes: covered.length, fingerprint: hash(covered) };
}

/**
 * States whether a file that begins with `head` can be the one with this fingerprint: the same bytes, and maybe more. `head` holds the
 * first bytes of the file, all of them or at least as many as the fingerprint covers.
 */
export function fingerprintFits(known: Fingerprint, head: Uint8Array): boolean {
  if (head.length < known.fingerprintBytes) return false;
  if (known.fingerprintBytes === 0) return true;
  return hash(head.subarray(0, known.fingerprintBytes)) === known.fingerprint;
}

/** Half of SHA-256: nobody forges log files against themselves, but 128 bits never meet by chance. */
function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}
