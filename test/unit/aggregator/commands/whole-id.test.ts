import { expect, it } from "vitest";
import { wholeId } from "../../../../aggregator/commands/whole-id.ts";
import { UsageError } from "../../../../shared/command.ts";
import { TailraceError } from "../../../../shared/errors.ts";

const KNOWN = ["a1b2", "a1c3", "d4"];
const find = (beginning: string) => wholeId(beginning, KNOWN, "silence", "silence ls");

it("the beginning of an id is enough when it is that of one only", () => {
  expect(find("a1b")).toBe("a1b2");
  expect(find("d4")).toBe("d4");
  expect(wholeId("a", ["a", "ab"], "silence", "silence ls")).toBe("a");
});

it("none and several are told apart: what is not there failed, what is unclear was asked wrongly", () => {
  expect(() => find("x")).toThrow(TailraceError);
  expect(() => find("x")).toThrow("there is no silence x; `tailrace silence ls` shows them");
  expect(() => find("a1")).toThrow(UsageError);
  expect(() => find("a1")).toThrow("a1 begins the ids of 2 silences");
});
