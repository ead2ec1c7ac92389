import { JsonParser } from "./json-parser.ts";
import { defineParser } from "./parser.ts";

/** Reads JSON lines. */
export const parser = defineParser({
  summary: "One JSON object per line.",
  takes: ["timeFormats"],
  compile: (options) => new JsonParser(options),
});
