/** What a source's configuration can say about events of several lines. */
import { z } from "zod";
import { byteSize, duration } from "../shared/config/units.ts";
import { patternFault } from "./parsers/pattern-fault.ts";

const linePattern = z
  .string()
  .min(1)
  .max(8192)
  .check((context) => {
    const fault = patternFault(context.value);
    if (fault === undefined) return;
    const message = `expected a regular expression such as ^\\d{4}-: ${fault}`;
    context.issues.push({ code: "custom", input: context.value, message });
  });

/** The schema of `multiline`. */
export const multilineConfig = z
  .strictObject({
    mode: z.enum(["auto", "off"]).prefault("auto").meta({
      description:
        "`auto`: lines of which the format knows nothing, such as those of a stack trace, belong to the event before. `off`: every line is one.",
    }),
    start: linePattern.optional().meta({
      description: "Regular expression of lines that begin an event; all others go on with it.",
      examples: ["^\\d{4}-\\d{2}-\\d{2}"],
    }),
    continue: linePattern.optional().meta({
      description:
        "Regular expression of lines that go on with the event before; all others begin one.",
      examples: ["^\\s"],
    }),
    max_bytes: byteSize({ min: "1KiB", max: "1MiB" }).prefault("128KiB").meta({
      description:
        "Lines of an event beyond this size are not looked at; they belong to it all the same.",
    }),
    max_wait: duration({ min: "0s", max: "1m" }).prefault("1s").meta({
      description: "An event at the end of a file waits so long for further lines.",
    }),
  })
  .refine(({ start, continue: goesOn }) => start === undefined || goesOn === undefined, {
    error: "expected either `start` or `continue`",
    path: ["continue"],
  })
  .refine(
    ({ mode, start, continue: goesOn }) =>
      mode === "auto" || (start === undefined && goesOn === undefined),
    { error: "expected `auto` where `start` or `continue` says how", path: ["mode"] },
  )
  .prefault({})
  .meta({
    description: "How lines that belong to one event are told, such as those of a stack trace.",
  });
