import { basename } from "node:path";

/** Endings that say how a log was written, packed or rotated, not what it is of. */
const ENDING =
  /[.](?:gz|log|json|jsonl|ndjson|logfmt|txt|out|err|old|bak|\d+)$|[-.]\d{4}-?\d\d-?\d\d(?:[-T_]?\d{1,6})?$/i;
const ANY_ENDING = /(?<=.)[.][^.]*$/;

/** The service of events that name none: the file's name without its endings, so `web.log.2.gz` gives `web`. */
export function defaultService(path: string): string {
  const name = basename(path);
  let service = name;
  for (;;) {
    const shorter = service.replace(ENDING, "");
    if (shorter === service || shorter === "") break;
    service = shorter;
  }
  return service === name ? name.replace(ANY_ENDING, "") : service;
}
