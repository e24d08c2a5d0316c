/** How Vitest runs the tests. */
import { defineConfig } from "vitest/config";

// Where continuous integration wants the totals as JSON, beside the usual output.
const report = process.env.FOVEA_TEST_REPORT;

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/support/packed-folder.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One more than the two cores we promise to run on: many tests wait for a program that they have started.
    maxWorkers: 3,
    pool: "forks",
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
