/** What the checks in this folder share: the files of a tree, and how a check reports its offences. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The files below a path (or the file itself) whose names match a pattern; none where there is nothing. */
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
 * Where a script is run as a command, checks the tree that is given or the repository: prints every offence that `check(root)`
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
