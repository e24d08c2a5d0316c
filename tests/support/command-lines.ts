/** Finds the command lines of `fovea` that documents and comments show, as the words that a shell would give it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A command line, and where it stands. */
export interface CommandLine {
  readonly place: string;
  /** As written, from the word after `fovea` on. */
  readonly text: string;
  readonly words: readonly string[];
  /** Does it stand in a sentence, where it may name a command and a flag only? */
  readonly mention: boolean;
}

const program = /(?:^|[\s`"])(?:npx fovea|node bin\/fovea\.js|fovea) +(.+)$/;

/** Splits words as a shell does, with quotes; what begins with # is a comment. Undefined for a quote that is not closed. */
export function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let rest = text.trimStart();
  while (rest !== "" && !rest.startsWith("#")) {
    const found = /^(?:[^\s"']|"[^"]*"|'[^']*')+/.exec(rest);
    if (!found) return undefined;
    words.push(found[0].replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
    rest = rest.slice(found[0].length).trimStart();
  }
  return words;
}

/** The command line in a line of a shell script, or in a code span; undefined where there is none. */
function commandIn(text: string, place: string, mention: boolean): CommandLine | undefined {
  const code = text.replace(/(^|\s)#.*$/, "");
  const [, found] = program.exec(code) ?? [];
  if (found === undefined) return undefined;
  // What comes after the command in the same line of a shell is no argument of it.
  const command = found.split(/ (?:&&|\|\||\||>|;) /)[0]!.trim();
  const words = shellWords(command);
  return words && { place, text: command, words, mention };
}

const spans = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, inside]) => inside!.replace(/\s+/g, " "));

/** Those of Markdown: in blocks of shell code, and in code spans that begin with the program. */
export function inMarkdown(text: string, place: string): CommandLine[] {
  const blocks: string[] = [];
  const prose = text.replace(/^```(\w*)\n(.*?)^```$/gms, (_, language: string, block: string) => {
    if (language === "sh") blocks.push(...block.replaceAll("\\\n", " ").split("\n"));
    return "";
  });
  const shown = spans(prose).filter((span) => /^(npx fovea|node bin\/fovea\.js|fovea) /.test(span));
  return [
    ...blocks.flatMap((line) => commandIn(line, place, false) ?? []),
    ...shown.flatMap((line) => commandIn(line, place, true) ?? []),
  ];
}

/** Command lines that download published weights. */
export const needsPublishedWeights = /hf:|augreg:|B_16\.npz|dinov2-small/;

/** The blocks of TypeScript in Markdown. */
export const programsIn = (text: string): string[] =>
  [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program = ""]) => program);

/** Those in comments of TypeScript: lines of their own, with what a backslash continues, and code spans. */
export function inComments(text: string, place: string): CommandLine[] {
  const comments = text
    .split("\n")
    .flatMap((line) => /^\s*(?:\/\/|\/?\*\*?)\s?(.*?)(?:\*\/)?$/.exec(line)?.[1] ?? "")
    .join("\n")
    .replace(/\s*\\\n\s*/g, " ");
  const lines = comments.split("\n").filter((line) => /^\s*(npx fovea|fovea) [a-z]/.test(line));
  const shown = spans(comments).filter((span) => /^(npx fovea|fovea) [a-z]/.test(span));
  return [
    ...lines.filter((line) => !line.includes("`")).flatMap((line) => commandIn(line, place, false) ?? []),
    ...shown.flatMap((line) => commandIn(line, place, true) ?? []),
  ];
}

/** The files of a folder that end so, and of those below it. */
export function filesIn(root: string, folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

export const read = (path: string): string => readFileSync(path, "utf8");
