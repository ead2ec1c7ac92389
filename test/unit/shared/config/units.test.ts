import { expect, it } from "vitest";
import { byteSize, duration } from "../../../../shared/config/units.ts";

const messageOf = (schema: ReturnType<typeof byteSize>, text: unknown) =>
  schema.safeParse(text).error?.issues[0]?.message;

it.each([
  ["64kb", "64KiB"],
  ["64k", "64KiB"],
  ["1.5gib", "1.5GiB"],
  ["12 MB", "12MiB"],
  ["100b", "100B"],
])("a size written as %s is told how it is written", (text, meant) => {
  expect(messageOf(byteSize({ max: "1GiB" }), text)).toBe(
    `expected a size such as 64KiB, 256MiB or 1GB, at most 1GiB (did you mean \`${meant}\`?)`,
  );
});

it.each([
  ["10 s", "10s"],
  ["5M", "5m"],
  ["2hours", "2h"],
  ["1 day", "1d"],
  ["250msec", "250ms"],
])("a duration written as %s is told how it is written", (text, meant) => {
  expect(messageOf(duration(), text)).toContain(`(did you mean \`${meant}\`?)`);
});

it.each(["10", "ten seconds", "10 bananas", "", 10])("of %j nothing is guessed", (text) => {
  expect(messageOf(duration(), text)).toBe("expected a duration such as 10s, 250ms or 2h");
});
