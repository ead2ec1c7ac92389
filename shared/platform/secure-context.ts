import type { SecureContextOptions } from "node:tls";
import type { TlsMaterial } from "./network.ts";

/** What a server with TLS is made with, and made anew with when its certificate was renewed. */
export function secureContext({
  certificate,
  key,
  authorities,
}: TlsMaterial): SecureContextOptions {
  return {
    minVersion: "TLSv1.2",
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(authorities === undefined ? {} : { ca: authorities }),
  };
}
