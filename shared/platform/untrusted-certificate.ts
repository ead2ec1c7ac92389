import { systemCode } from "../errors.ts";

/** Codes of Node's TLS for a certificate whose authority is not known. */
const CODES: readonly (string | undefined)[] = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];

/** States whether a call failed, directly or by its cause, since the other side's certificate comes from an authority that is not trusted. */
export function isUntrustedCertificate(error: unknown): boolean {
  if (CODES.includes(systemCode(error))) return true;
  return error instanceof Error && error.cause !== undefined && isUntrustedCertificate(error.cause);
}
