/** Shared parts of the checks in this folder: listing the files of a tree, and reporting offences. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The files below a path (or the file itself) whose names match a pattern; empty if the path does not exist. */
export function* filesBelow(path, pattern) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    if (pattern.test(basename(path))) yield path;
    return;
  }
  for (const name of readdirSync(path)) {
    if (name !== "node_modules" && name !== "dist") yield* filesBelow(join(path, name), pattern);
  }
}

/**
 * If a script is run as a command, checks the given tree or the repository: prints every offence that `check(root)`
 * returns, and exits 1 when there is one.
 */
export function runAsCommand(url, check) {
  const script = fileURLToPath(url);
  if (!process.argv[1] || resolve(process.argv[1]) !== script) return;
  const offences = check(resolve(process.argv[2] ?? join(dirname(script), "..")));
  for (const offence of offences) console.error(offence);
  if (offences.length === 0) return;
  console.error(`${basename(script, ".mjs")}: ${offences.length} offence${offences.length === 1 ? "" : "s"}`);
  process.exit(1);
}
