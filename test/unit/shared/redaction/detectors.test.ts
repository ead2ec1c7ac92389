import { describe, expect, it } from "vitest";
import { compileRedaction } from "../../../../shared/redaction/compile-redaction.ts";
import {
  DETECTOR_NAMES,
  DETECTORS,
  DETECTORS_DEFAULT,
} from "../../../../shared/redaction/detectors.ts";
import { redactionConfig } from "../../../../shared/redaction/redaction-config.ts";
import { HARMLESS, SECRETS } from "./secret-corpus.ts";

function redactorOf(config: object) {
  return compileRedaction(redactionConfig.parse(config));
}

const all = redactorOf({ detectors: [...DETECTOR_NAMES] });

describe.each(DETECTOR_NAMES.map((name) => [name]))("the detector %s", (name) => {
  const alone = redactorOf({ detectors: [name] });

  it.each(SECRETS[name] ?? [])("finds in %j", (text, secret) => {
    const found = alone.redact(text) ?? "";
    expect(found).not.toContain(secret);
    expect(found).toContain(`[${name}]`);
    expect(all.redact(text)).not.toContain(secret);
    // What it says does not look like another secret.
    expect(alone.redact(found)).toBe(found);
  });

  it("has examples", () => expect(SECRETS[name]?.length).toBeGreaterThan(0));
});

it.each(HARMLESS)("all leave as it is: %s", (text) => {
  expect(all.redact(text)).toBe(text);
});

it("the order of the detectors has them all", () => {
  expect([...DETECTOR_NAMES].toSorted()).toEqual(Object.keys(DETECTORS).toSorted());
  for (const name of DETECTORS_DEFAULT) expect(DETECTOR_NAMES).toContain(name);
});

it("no text makes them slow", () => {
  const pieces = [
    "a@",
    "4111 ",
    "eyJ",
    "://x:",
    "password=",
    "1.",
    "::",
    "+1 ",
    "AB12",
    "-----BEGIN ",
  ];
  for (const piece of [...pieces, "a", "1", "_", " ", "%40"]) {
    const text = piece.repeat(Math.ceil(100_000 / piece.length));
    // A search that takes squares of the length would not end before the test's limit.
    expect(all.redact(text)).toBeDefined();
  }
});
