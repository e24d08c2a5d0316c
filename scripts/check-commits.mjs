/**
 * Checks the subjects of commits: at most 72 characters, imperative, starting with a capital and without a full stop at
 * the end. Commits from before the rule are not checked.
 *
 * usage: node scripts/check-commits.mjs      prints every offence, exits 1 when there is one
 */
import { spawnSync } from "node:child_process";
import { runAsCommand } from "./check.mjs";

/** The last commit before the rule. */
const START = "42d968dd960eb5629a89ae2a4e44f5080acd6ca7";

/** Describes what is wrong with a subject; undefined if nothing is. */
export function offenceOf(subject) {
  if (subject.length > 72) return `${subject.length} characters; expected at most 72`;
  if (!/^[A-Z]/.test(subject)) return "expected a capital first";
  if (/\.$/.test(subject)) return "expected no full stop at its end";
  const [verb = ""] = subject.split(/\W/);
  // "Fixed", "Adding", "Removes": not "Fix", "Bring", "Address", "Embed", "Need", "Speed"
  if (/(?:[^e]ed|[^r]ing|[^s]s)$/.test(verb) && !/^(?:Embed|Shed|Wed|Focus|Bias|Ring|String)$/.test(verb)) {
    return `"${verb}" is not imperative; write "${verb.replace(/(?:ed|ing|s)$/, "")}..."`;
  }
  return undefined;
}

const git = (root, ...words) => spawnSync("git", ["-C", root, ...words], { encoding: "utf8" });

/** One line of text for each offence among the commits of a repository since the rule; empty if there is no history. */
export function checkCommits(root, start = START) {
  const isKnown = git(root, "cat-file", "-e", `${start}^{commit}`).status === 0;
  // a shallow clone only has the newest commits
  const { status, stdout } = git(
    root,
    "log",
    "--no-merges",
    "--format=%h %s",
    ...(isKnown ? [`${start}..HEAD`] : ["-1"]),
  );
  if (status !== 0) return [];
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const [hash, ...words] = line.split(" ");
      const offence = offenceOf(words.join(" "));
      return offence ? [`${hash} "${words.join(" ")}": ${offence}`] : [];
    });
}

runAsCommand(import.meta.url, (root) => checkCommits(root));
