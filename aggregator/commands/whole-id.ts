import { UsageError } from "../../shared/command.ts";
import { TailraceError } from "../../shared/errors.ts";

/**
 * The one of the known ids that begins so; `what` names what they are of, `list` the command that shows them. Fails with REQUEST_REFUSED when there
 * is none, as the aggregator says of a whole id, and with UsageError when there are several.
 */
export function wholeId(
  beginning: string,
  known: readonly string[],
  what: string,
  list: string,
): string {
  const found = known.filter((id) => id.startsWith(beginning));
  const [first] = found;
  if (first !== undefined && (found.length === 1 || first === beginning)) return first;
  if (found.length === 0) {
    const text = `there is no ${what} ${beginning}; \`tailrace ${list}\` shows them`;
    throw new TailraceError("REQUEST_REFUSED", text);
  }
  throw new UsageError(`${beginning} begins the ids of ${found.length} ${what}s; write more of it`);
}
