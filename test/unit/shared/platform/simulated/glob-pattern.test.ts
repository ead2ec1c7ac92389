import { matchesGlob } from "node:path";
import { describe, expect, it } from "vitest";
import { compileGlob } from "../../../../../shared/platform/simulated/glob-pattern.ts";

describe("the glob patterns of the simulated disk", () => {
  it.each([
    "/var/log/*.log",
    "/var/log/app.log*",
    "/var/**/*.log",
    "/var/log/app?.log",
    "/var/log/{app,web}.log",
    "/var/log/app[12].log",
    "/var/log/a+b(c).log",
  ])("match what Node's do: %s", (pattern) => {
    const paths = [
      "/var/log/app.log",
      "/var/log/app.log.1",
      "/var/log/app1.log",
      "/var/log/web.log",
      "/var/log/deep/er/x.log",
      "/var/x.log",
      "/var/log/a+b(c).log",
      "/var/log/.hidden.log",
      "/other/app.log",
    ];
    const expression = compileGlob(pattern);
    for (const path of paths)
      expect([path, expression.test(path)]).toEqual([path, matchesGlob(path, pattern)]);
  });
});
