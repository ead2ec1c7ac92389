/** What `redact:` may say. */
import { z } from "zod";
import { secret } from "../config/secret.ts";
import { DETECTOR_NAMES, DETECTORS_DEFAULT } from "./detectors.ts";

const PATTERNS_MAX = 64;
const PATTERN_LENGTH_MAX = 1024;

/** What becomes of what was found. */
export const REDACT_ACTIONS = ["mask", "hash", "drop"] as const;

/** One of {@link REDACT_ACTIONS}. */
export type RedactAction = (typeof REDACT_ACTIONS)[number];

const action = z.enum(REDACT_ACTIONS).meta({
  description:
    "`mask` writes the name in brackets instead, `hash` also a hash with `key`, the same for the same secret, `drop` lets nothing leave of the line, the field or the value that holds it.",
});

const detectorName = z
  .enum(DETECTOR_NAMES)
  .meta({ description: "Name of what is looked for.", examples: ["card"] });

const ownPattern = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, {
      error: "expected small letters, digits and `_`, at most 32",
    })
    .meta({ description: "Stands in brackets instead of what is found." }),
  pattern: z
    .string()
    .min(1)
    .max(PATTERN_LENGTH_MAX)
    .superRefine((text, context) => {
      const fault = patternFault(text);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    })
    .meta({
      description:
        "Regular expression of JavaScript; a group named `secret`, where there is one, is what is taken out.",
      examples: ["\\bEMP-(?<secret>\\d{6})\\b"],
    }),
  action: action.optional(),
});

/** Why a text is no pattern that can be used; undefined when it is one. */
function patternFault(text: string): string | undefined {
  try {
    if (new RegExp(text, "u").test("")) return "expected a pattern that does not match nothing";
  } catch (error) {
    return `expected a regular expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  // An expression within a repeated one can take for ever at a line that nearly fits.
  if (/\([^()]*[+*}][^()]*\)[+*{]/.test(text)) return "expected no repetition of a repetition";
  return undefined;
}

/** The key `redact`. */
export const redactionConfig = z
  .strictObject({
    detectors: z
      .array(
        z.union([detectorName, z.strictObject({ name: detectorName, action })], {
          error: `expected one of: ${DETECTOR_NAMES.join(", ")}; or { name: NAME, action: ACTION }`,
        }),
      )
      .max(DETECTOR_NAMES.length)
      .prefault([...DETECTORS_DEFAULT])
      .meta({
        description:
          "What is looked for. What people are known by (`email`, `phone`, `ipv4`, `ipv6`) and `session_id` are found only when they are named here.",
        examples: [["card", "credential", { name: "email", action: "hash" }]],
      }),
    patterns: z
      .array(ownPattern)
      .max(PATTERNS_MAX)
      .prefault([])
      .meta({ description: "What else is looked for, before all others." }),
    action: action.prefault("mask"),
    key: secret("Key of the hashes of the action `hash`.").optional(),
  })
  .superRefine(({ detectors, patterns, action: general, key }, context) => {
    const actions = [...detectors, ...patterns].map((entry) =>
      typeof entry === "string" ? general : (entry.action ?? general),
    );
    if (key === undefined && actions.includes("hash")) {
      const message = "expected a key: without one a hash of few digits is soon guessed";
      context.addIssue({ code: "custom", path: ["key"], message });
    }
  });

/** A checked `redact`. */
export type RedactionConfig = z.output<typeof redactionConfig>;
