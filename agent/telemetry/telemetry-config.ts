/** What the agent tells of itself, and to whom. */
import { z } from "zod";
import { listenAddress } from "../../shared/config/listen-address.ts";
import { secret } from "../../shared/config/secret.ts";
import { duration } from "../../shared/config/units.ts";

const otlpConfig = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/, error: "expected an address such as http://127.0.0.1:4318" })
    .meta({
      description:
        "Address of a collector that takes OTLP over HTTP; `/v1/metrics` is added to it.",
      examples: ["http://127.0.0.1:4318"],
    }),
  interval: duration({ min: "1s", max: "1h" })
    .prefault("1m")
    .meta({ description: "How often metrics are sent." }),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), secret("Value of the header.").regex(/^[^\r\n]*$/))
    .prefault({})
    .meta({
      description: "Headers of each request, such as one that tells who sends.",
      examples: [{ authorization: "file:/etc/tailrace/otlp-token" }],
    }),
});

/** The schema of `telemetry`. */
export const telemetryConfig = z.strictObject({
  listen: listenAddress.optional().meta({
    description:
      "Serve `/metrics` (Prometheus), `/healthz` and `/readyz` here; absent: only at the agent's own socket. It asks for no credentials and tells names of sources and counts, nothing of lines.",
    examples: ["127.0.0.1:7401"],
  }),
  otlp: otlpConfig.optional().meta({
    description: "Send the same metrics to an OpenTelemetry collector; absent: nothing is sent.",
    examples: [{ endpoint: "http://127.0.0.1:4318" }],
  }),
});

/** A checked `telemetry`. */
export type TelemetryConfig = z.output<typeof telemetryConfig>;
