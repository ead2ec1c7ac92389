/** What tells a number with a meaning from any other text of its form. */

/** Lengths and first digits of the issuers' numbers (ISO/IEC 7812). */
const ISSUERS: readonly RegExp[] = [
  /^4(?:\d{12}|\d{15}|\d{18})$/,
  /^(?:5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720))\d{12,14}$/,
  /^3[47]\d{13}$/,
  /^3(?:0[0-5]|[689])\d{11,13}$/,
  /^(?:2131|1800|35\d{2})\d{11,12}$/,
  /^(?:6011|64[4-9]|65|62|60|50|5[6-9]|67|63|81)\d{10,17}$/,
];

/**
 * The length of the payment card's number at the beginning of a text of digits, spaces and hyphens; 0 when there is none. A number ends where
 * no digit follows at once.
 */
export function cardLength(text: string): number {
  let digits = text.replace(/[ -]/g, "");
  for (let end = text.length; digits.length >= 12; end--) {
    if (!/\d/.test(text[end - 1] ?? "")) continue;
    if (!/\d/.test(text[end] ?? "") && isCardNumber(digits)) return end;
    digits = digits.slice(0, -1);
  }
  return 0;
}

function isCardNumber(digits: string): boolean {
  return ISSUERS.some((issuer) => issuer.test(digits)) && fitsLuhn(digits);
}

/** The check digit of ISO/IEC 7812-1, annex B. */
function fitsLuhn(digits: string): boolean {
  let sum = 0;
  let isDoubled = false;
  let isRepeated = true;
  for (let at = digits.length - 1; at >= 0; at--) {
    const digit = digits.charCodeAt(at) - 0x30;
    const doubled = isDoubled ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
    isDoubled = !isDoubled;
    if (digits[at] !== digits[0]) isRepeated = false;
  }
  return sum % 10 === 0 && !isRepeated;
}

/** Lengths by country, from the registry of SWIFT (release 99). */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 " +
    "GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 " +
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 " +
    "TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/**
 * The length of the account number (ISO 13616) at the beginning of a text, separators included; 0 when there is none. What follows it may look
 * as if it belonged to it.
 */
export function ibanLength(text: string): number {
  const wanted = IBAN_LENGTHS.get(text.slice(0, 2).toUpperCase()) ?? 0;
  let compact = "";
  let at = 0;
  for (; at < text.length && compact.length < wanted; at++) {
    const character = text[at] ?? "";
    if (character !== " " && character !== "-") compact += character.toUpperCase();
  }
  if (wanted === 0 || compact.length < wanted) return 0;
  if (/[A-Za-z0-9]/.test(text[at] ?? "")) return 0;
  return remainder97(compact.slice(4) + compact.slice(0, 4)) === 1 ? at : 0;
}

function remainder97(text: string): number {
  let rest = 0;
  for (const character of text) {
    const value = Number.parseInt(character, 36);
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97;
  }
  return rest;
}

/** True for four numbers up to 255 with points between them. */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => Number(part) <= 255 && !/^0\d/.test(part));
}

/**
 * True for an address of RFC 4291, in any of its forms, that has a digit or three groups: `a::b` is a name of C++ or Rust more often than an
 * address.
 */
export function isIpv6(text: string): boolean {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return false;
  const groups = [...groupsOf(head), ...groupsOf(tail ?? "")];
  let count = 0;
  for (const [index, group] of groups.entries()) {
    const isLast = index === groups.length - 1;
    if (isLast && group.includes(".") && isIpv4(group)) count += 2;
    else if (/^[0-9A-Fa-f]{1,4}$/.test(group)) count++;
    else return false;
  }
  if (tail === undefined ? count !== 8 : count > 7 || count === 0) return false;
  return /\d/.test(text) || count >= 3;
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}

/** True for 8 to 15 digits (E.164); ten of North America, whose area and exchange begin with 2 to 9. */
export function isPhoneNumber(text: string): boolean {
  const digits = text.replace(/\D/g, "");
  if (/^(?:\+|00)/.test(text)) {
    const count = text.startsWith("00") ? digits.length - 2 : digits.length;
    return count >= 8 && count <= 15;
  }
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(digits);
}
