/** One syslog message as it came over the network, made a line that a file could hold. */

/** Time and priority as they may begin a message: of RFC 5424, of RFC 3164, or the ISO form that rsyslog writes. */
const WITH_TIME =
  /^(?:<\d{1,3}>)?(?:\d{1,2} \d{4}-|\d{4}-\d\d-\d\d[T ]|[A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:)/;
const PRIORITY = /^<\d{1,3}>/;
/** A message of RFC 5424 that names no time. */
const NIL_TIME = /^(<\d{1,3}>\d{1,2} )- /;
/** No beginning that is looked for is longer. */
const HEAD_BYTES_MAX = 128;
/** Program and process before a message. */
const TAG = /^([\w./-]{1,48})(?:\[([\w.-]{1,48})\])?: /;
/** What RFC 3164, section 4.3.3, takes for the priority of a message without one. */
const PRIORITY_DEFAULT = "<13>";
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/**
 * The line of a message, with a line feed at its end. What ends a message (line feed, carriage return, NUL) is taken off, a line feed within it
 * becomes a space. A message without a time gets the time when it came, as RFC 3164, section 4.3, asks of relays: in the form of RFC 5424, which says the zone.
 */
export function syslogLine(message: Buffer, nowMs: number): Buffer {
  let end = message.length;
  while (end > 0 && isEnd(message[end - 1] ?? 0)) end--;
  const stamp = missingTime(message.toString("latin1", 0, Math.min(end, HEAD_BYTES_MAX)), nowMs);
  const head = Buffer.from(stamp.text, "latin1");
  const line = Buffer.allocUnsafe(head.length + end - stamp.instead + 1);
  head.copy(line);
  message.copy(line, head.length, stamp.instead, end);
  for (let at = line.indexOf(LINE_FEED); at >= 0 && at < line.length - 1; ) {
    line[at] = SPACE;
    at = line.indexOf(LINE_FEED, at);
  }
  line[line.length - 1] = LINE_FEED;
  return line;
}

/** What stands in a line instead of the first `instead` bytes of a message. */
function missingTime(
  head: string,
  nowMs: number,
): { readonly text: string; readonly instead: number } {
  if (head.trim() === "" || WITH_TIME.test(head)) return { text: "", instead: 0 };
  const time = new Date(nowMs).toISOString();
  const [nil, before = ""] = NIL_TIME.exec(head) ?? [];
  if (nil !== undefined) return { text: `${before}${time} `, instead: nil.length };
  const [priority = ""] = PRIORITY.exec(head) ?? [];
  const tag = TAG.exec(head.slice(priority.length));
  const [found = "", program = "-", process = "-"] = tag ?? [];
  return {
    text: `${priority || PRIORITY_DEFAULT}1 ${time} - ${program} ${process} - - `,
    instead: priority.length + found.length,
  };
}

function isEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === 0;
}
