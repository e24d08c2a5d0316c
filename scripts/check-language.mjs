/**
 * Rejects home-made words for which the field has a term: the left column of the glossary, as far as it can be
 * searched.
 *
 * usage: node scripts/check-language.mjs [root]      prints every offence, exits 1 when there is one
 */
import { existsSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { filesBelow, runAsCommand } from "./check.mjs";

/** The rejected phrases, and what to write instead. */
const BANNED = [
  [/\b(?:when|if|where it is) left out\b/i, "default: X, or optional"],
  [/\busual[A-Z]\w*/, "defaultX"],
  [/\busual (?:backbone|head|rule)\b/i, "default backbone"],
  [/\bturned(?: beforehand)?\b/i, "transposed, rotated"],
  [/\bone word too many\b/i, "unexpected argument"],
  [/\bwhat (?:the|a) head reads\b/i, "features (pre-logits)"],
  [/\bsaid aloud\b/i, "printed, reported"],
  [/\bnames? (?:an image|images|the images)\b/i, "classify"],
  [/\bNamer\b/, "Classifier"],
  [/(?:\b|[a-z])Judge\b/, "Evaluator, Network or Classifier"],
  [/\b(?:few-shot game|plays? the game)\b/i, "few-shot episode"],
  [/\bbystanders?\b/i, "non-determining settings"],
  [/\bpatience\b/i, "longer training (more epochs), retries"],
  [/\blikeness\b/i, "similarity"],
  [/\b(?:be|are|is) one picture\b/i, "near-duplicates"],
  [/\bworked through in\b/i, "accumulated over microbatches"],
  [/\blearnt from\b/i, "trained on"],
  [/\b(?:asked for|unless told|(?:as|when) told)\b/i, "requested, by default"],
];

/** The folders and files that are checked. */
const PLACES = ["src", "scripts", "recipes", "docs", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/**
 * What is not checked, with the reason. Remove a line when its folder is done; an unnecessary line is an offence too.
 */
const EXCEPTIONS = [
  ["scripts/check-language.mjs", "holds the list"],
  ["scripts/backbone-card.ts", "its text is in the published cards of models/"],
  ["CONTRIBUTING.md", "holds the glossary"],
];

/**
 * Joins comments of several lines to one text of the same length, so that a phrase across a line break is found at its
 * start.
 */
const joined = (text) =>
  text.replace(/\n( *)(\*|\/\/)(?= )/g, (_, indent, mark) => ` ${" ".repeat(indent.length + mark.length)}`);

/** Every rejected phrase in a text: its line, the phrase, and what to write instead. */
function offencesOf(text) {
  const flat = joined(text);
  return BANNED.flatMap(([pattern, instead]) =>
    [...flat.matchAll(new RegExp(pattern.source.replaceAll(" ", " +"), `${pattern.flags}g`))].map(
      ({ 0: phrase, index }) => ({
        line: text.slice(0, index).split("\n").length,
        phrase: phrase.replace(/ +/g, " "),
        instead,
      }),
    ),
  ).sort((a, b) => a.line - b.line);
}

/** Checks one tree; returns one line of text for each offence. */
export function checkLanguage(root, exceptions = EXCEPTIONS) {
  const needed = new Set();
  const found = [];
  for (const place of PLACES) {
    for (const path of filesBelow(join(root, place), /\.(?:[cm]?[jt]s|md)$/)) {
      const file = relative(root, path).split(sep).join("/");
      const offences = offencesOf(readFileSync(path, "utf8"));
      const exception = exceptions.find(([name]) => file === name || file.startsWith(`${name}/`));
      if (exception && offences.length > 0) needed.add(exception);
      if (exception) continue;
      for (const { line, phrase, instead } of offences) found.push(`${file}:${line}: "${phrase}"; write ${instead}`);
    }
  }
  const spare = exceptions.filter((one) => !needed.has(one) && existsSync(join(root, one[0])));
  return [
    ...found,
    ...spare.map(([name]) => `scripts/check-language.mjs: the exception ${name} is not needed any more; remove it`),
  ];
}

runAsCommand(import.meta.url, (root) => checkLanguage(root));
