import { z } from "zod";
import type { Logger } from "../../shared/log.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";
import type { Redactor } from "../../shared/redaction/redactor.ts";
import type { RecordCounter } from "./count-records.ts";
import type { RecordLog } from "./record-log.ts";

/** What a source works with. */
export interface SourceContext {
  readonly records: RecordLog;
  readonly platform: Platform;
  readonly logger: Logger;
  /** Names the aggregator among others that read the same: hex digits. */
  readonly instance: string;
  /** Event times further ahead of the clock count in their window but move nothing else. */
  readonly maxFutureMs: number;
  /** Takes out of records what must not be kept. */
  readonly redactor: Redactor;
  /** The events that rules ask for; may change at any time. */
  readonly selectors: () => Selectors;
}

/** How one inlet of a source is getting on, beside what is stored of it. */
export interface InletStatus {
  readonly place: string;
  /** Records that wait to be read; undefined while that is not known. */
  readonly behindCount: number | undefined;
  /** Why it does not go on; undefined while it does. */
  readonly failure: string | undefined;
}

/** A source that runs. It goes on by itself after failures. */
export interface Source {
  readonly name: string;
  readonly type: string;
  /** Why nothing of it is read; undefined while all is well. */
  readonly failure: string | undefined;
  readonly inlets: readonly InletStatus[];
  /** Counts records as those of an inlet are counted now; undefined when it is none of this source's any more. */
  counterOf(place: string): RecordCounter | undefined;
  /** Stops reading; what was read and not counted is read again at the next start. */
  close(): Promise<void>;
}

/** What every source's configuration says. */
export interface SourceSettings {
  readonly name: string;
  readonly type: string;
}

/** A source as a checked configuration describes it, ready to be started. */
export interface ConfiguredSource {
  readonly name: string;
  readonly type: string;
  /** Starts it at once; never fails. */
  readonly start: (context: SourceContext) => Source;
}

/** One kind of source. */
export interface SourceDefinition<Config extends SourceSettings> {
  /** One line for the reference page. */
  readonly summary: string;
  /** A strict object that begins with {@link sourceSettings}. */
  readonly config: SchemaOf<Config>;
  readonly start: (config: Config, context: SourceContext) => Source;
}

type SchemaOf<Output> = z.ZodType<Output> & z.core.$ZodTypeDiscriminable;

/** A kind of source whose configuration's type is closed over: what the registry holds. */
export interface SourceKind {
  readonly summary: string;
  /** Checks an entry of `sources:`. */
  readonly schema: SchemaOf<ConfiguredSource>;
}

/** Names that inlets of requests have; no configured source takes them. */
const NAMES_TAKEN: readonly string[] = ["http", "otlp"];

/** The keys that all sources have; `type` tells the kinds apart. */
export function sourceSettings<Type extends string>(type: Type) {
  return {
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, {
        error: "expected 1 to 64 letters, digits, dots, hyphens and underscores",
      })
      .refine((name) => !NAMES_TAKEN.includes(name), {
        error: `expected another name than ${NAMES_TAKEN.join(" and ")}`,
      })
      .meta({
        description: "Name of the source; how far it was read is kept under it.",
        examples: ["bus"],
      }),
    type: z.literal(type).meta({ description: "Kind of the source." }),
  };
}

/** States the types of a source's definition, and closes over them. */
export function defineSource<Config extends SourceSettings>(
  definition: SourceDefinition<Config>,
): SourceKind {
  const schema = definition.config.transform((config) => ({
    name: config.name,
    type: config.type,
    start: (context: SourceContext) => definition.start(config, context),
  }));
  return { summary: definition.summary, schema };
}
