import type { HttpRequest } from "../../shared/platform/network.ts";
import { LOCAL_OPERATOR, type Principal, REMOTE_CALLER } from "../../shared/protocol/principal.ts";

/** Addresses of this machine alone, also as IPv6 sockets show them. */
const LOOPBACK_ADDRESS = /^(::ffff:)?127\.|^::1$/;
/** What a caller on this machine calls it. A page in a browser may have another name made to point here, but cannot change what is asked for. */
const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;

/** On whose behalf a request is made where no credentials are asked for: who calls this machine from itself is its operator. */
export function localCaller({ remoteAddress, headers }: HttpRequest): Principal {
  const isLocal = LOOPBACK_ADDRESS.test(remoteAddress) && LOOPBACK_HOST.test(headers["host"] ?? "");
  return isLocal ? LOCAL_OPERATOR : REMOTE_CALLER;
}

/** Whether only this machine reaches what listens on `host`. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_ADDRESS.test(host) || host === "localhost";
}
