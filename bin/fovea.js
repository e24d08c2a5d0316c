#!/usr/bin/env node
/** The command `fovea`: starts src/cli/main.ts as built, or says how to build it. */
import { existsSync } from "node:fs";
import module from "node:module";

const main = new URL("../dist/cli/main.js", import.meta.url);

if (existsSync(main)) {
  // Node 22 and later keep compiled code between runs, which halves the start; Node 20 does without.
  module.enableCompileCache?.();
  // The reader of a pipe may leave early (`fovea models | head`): that is no failure of ours.
  process.stdout.once("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));
  const { run } = await import(main.href);
  process.exitCode = await run(process.argv.slice(2));
  // A command is over when it returns; a thread it left behind must not keep the terminal.
  setTimeout(() => process.exit(), 2000).unref();
} else {
  console.error("fovea: this checkout is not built yet; run `npm ci` (or `npm run build`) first");
  process.exitCode = 1;
}
