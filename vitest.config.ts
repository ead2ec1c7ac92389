import { configDefaults, defineConfig } from "vitest/config";
import { testsWithoutServer } from "./test/integration/servers.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...testsWithoutServer()],
    setupFiles: ["test/property-seed.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
