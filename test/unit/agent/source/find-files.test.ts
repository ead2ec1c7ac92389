import { expect, it } from "vitest";
import { foldersOf, isGone } from "../../../../agent/source/find-files.ts";

it("finds the folders above which no pattern can find anything", () => {
  expect(
    foldersOf(["/var/log/app/*.log", "/var/log/{a,b}/x", "/srv/x.log", "/var/log/app/?/y"]),
  ).toEqual(["/srv", "/var/log", "/var/log/app"]);
});

it("takes only missing files for gone", () => {
  expect(isGone(Object.assign(new Error("gone"), { code: "ENOENT" }))).toBe(true);
  expect(isGone(Object.assign(new Error("denied"), { code: "EACCES" }))).toBe(false);
  expect(() => isGone(new Error("a fault of this program"))).toThrow("a fault of this program");
});
