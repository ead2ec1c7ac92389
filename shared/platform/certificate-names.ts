/** One entry of the text in which Node gives a certificate's alternative names: its kind, and its value, in quotes where it holds a comma or the like. */
const ENTRY = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/**
 * The DNS names of a certificate, from the text such as `DNS:web-1, URI:http://a/?DNS:web-2`: of that web-1 alone, for what stands within
 * another kind of name was not checked to be one. None when the text cannot be read whole.
 */
export function dnsNamesOf(alternativeNames: string): string[] {
  const names: string[] = [];
  const entry = new RegExp(ENTRY);
  while (entry.lastIndex < alternativeNames.length) {
    const [, kind, value = ""] = entry.exec(alternativeNames) ?? [];
    if (kind === undefined) return [];
    if (kind === "DNS" && value !== "" && !value.startsWith('"')) names.push(value);
  }
  return names;
}
