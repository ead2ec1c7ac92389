import { createHash, timingSafeEqual } from "node:crypto";
import type { Random } from "../../shared/platform/random.ts";

/** A secret that was just made: its text is shown once, its hash is kept. */
export interface MadeSecret {
  readonly id: string;
  readonly text: string;
  readonly hash: string;
}

/** A secret as a caller shows it. */
export interface ShownSecret {
  readonly id: string;
  readonly hash: string;
}

const ID_BYTES = 5;
const SECRET_BYTES = 32;
const FORM = /^tailrace_([0-9a-f]{10})_[A-Za-z0-9_-]{43}$/;

/**
 * Makes a token or a code: `tailrace_ID_SECRET`. The secret has 256 random bits, so that a plain hash of it can be kept: there is nothing to
 * guess that a slow hash would make slower.
 */
export function makeSecret(random: Random): MadeSecret {
  const id = random.bytes(ID_BYTES).toString("hex");
  const text = `tailrace_${id}_${random.bytes(SECRET_BYTES).toString("base64url")}`;
  return { id, text, hash: hashOf(text) };
}

/** Reads what a caller shows; undefined when it has not the form of a token. */
export function readSecret(text: string): ShownSecret | undefined {
  const id = FORM.exec(text)?.[1];
  return id === undefined ? undefined : { id, hash: hashOf(text) };
}

/** Whether two hashes are the same, in the same time whatever they are. */
export function isSameHash(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left, "hex"), Buffer.from(right, "hex")];
  return one.length === other.length && timingSafeEqual(one, other);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
