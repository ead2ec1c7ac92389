import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { testsWithoutServer } from "./test/integration/servers.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...testsWithoutServer()],
    setupFiles: ["test/property-seed.ts"],
    // Many tests wait for real processes and servers: one more than there are processors keeps these busy.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
