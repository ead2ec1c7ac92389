import { z } from "zod";

/** The address to listen on. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** The schema of an address to listen on. */
export const listenAddress = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):\d{1,5}$/, {
    error: "expected HOST:PORT such as 127.0.0.1:7400 or [::1]:7400",
    abort: true,
  })
  .transform((text, context): ListenAddress => {
    const at = text.lastIndexOf(":");
    const port = Number.parseInt(text.slice(at + 1), 10);
    if (port > 65_535) {
      context.issues.push({
        code: "custom",
        message: "expected a port of at most 65535",
        input: text,
      });
    }
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port };
  });
