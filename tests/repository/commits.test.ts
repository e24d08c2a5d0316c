/** Subjects of commits are checked as CONTRIBUTING.md describes them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Checks {
  checkCommits(root: string, start?: string): string[];
  offenceOf(subject: string): string | undefined;
}
const script = new URL("../../scripts/check-commits.mjs", import.meta.url);
const { checkCommits, offenceOf } = (await import(script.href)) as Checks;

test.each([
  "Fix fine-tuning of ResNets with pooledStages",
  "Embed images from standard input",
  "Address a race in the loader",
  "Need one process for each folder",
  "Bring positions to the size of images",
])("%s", (subject) => {
  expect(offenceOf(subject)).toBeUndefined();
});

test.each([
  ["Fixed the loader", /"Fixed" is not imperative/],
  ["Adding an option", /"Adding" is not imperative/],
  ["Removes what is dead", /"Removes" is not imperative/],
  ["fix the loader", /a capital first/],
  ["Fix the loader.", /no full stop/],
  [`Fix ${"very ".repeat(14)}long subjects`, /characters; expected at most 72/],
])("%s is refused", (subject, expected) => {
  expect(offenceOf(subject)).toMatch(expected);
});

test("a repository is checked from the rule's start on", () => {
  const folder = mkdtempSync(join(tmpdir(), "fovea-commits-"));
  try {
    const git = (...words: string[]) =>
      execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c", ...words], {
        encoding: "utf8",
      });
    git("init", "-q");
    git("commit", "-q", "--allow-empty", "-m", "An old subject, which nobody checked then");
    const start = git("rev-parse", "HEAD").trim();
    git("commit", "-q", "--allow-empty", "-m", "Add a reader");
    git("commit", "-q", "--allow-empty", "-m", "Added another");
    expect(checkCommits(folder, start)).toEqual([expect.stringMatching(/^[0-9a-f]+ "Added another": "Added" is not/)]);
    // a clone without the start is checked by its newest commit
    expect(checkCommits(folder, "0".repeat(40))).toHaveLength(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
