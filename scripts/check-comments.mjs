/**
 * Checks the style of comments: a file opens with a doc comment that says what it is for, an export is documented by one,
 * and comments inside of functions are line comments.
 *
 * usage: node scripts/check-comments.mjs [root]      prints every offence, exits 1 when there is one
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { filesBelow, runAsCommand } from "./check.mjs";

const FOLDERS = ["bin", "src", "tests", "scripts", "recipes"];

const isExported = (node) =>
  ts.isExportAssignment(node) ||
  (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword));

/** Checks the text of one file; returns a line number and a message for each offence. */
function offencesOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const offences = [];
  const offend = (position, message) =>
    offences.push({ line: source.getLineAndCharacterOfPosition(position).line + 1, message });
  const comments = (node) => ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [];

  const [first] = ts.getLeadingCommentRanges(text, ts.getShebang(text)?.length ?? 0) ?? [];
  if (!first || !text.startsWith("/**", first.pos)) {
    offend(first?.pos ?? 0, "a file opens with /** what it is for */");
  }
  for (const statement of source.statements) {
    const last = comments(statement).at(-1);
    if (!last || !isExported(statement) || last.pos === first?.pos) continue;
    const adjacent = !/\n\s*\n/.test(text.slice(last.end, statement.getStart()));
    const isDirective = /^\/\/ (biome-ignore|@ts-)/.test(text.slice(last.pos, last.end));
    if (adjacent && !isDirective && !text.startsWith("/**", last.pos)) {
      offend(last.pos, "an export is documented by /** ... */");
    }
  }
  const visit = (node, inFunction) => {
    if (inFunction && ts.isStatement(node)) {
      for (const { pos } of comments(node)) {
        if (text.startsWith("/*", pos)) offend(pos, "inside of a function a comment is // ...");
      }
    }
    ts.forEachChild(node, (child) => visit(child, inFunction || (ts.isBlock(child) && ts.isFunctionLike(node))));
  };
  visit(source, false);
  return offences;
}

/** Checks one tree; returns one line of text for each offence. */
export function checkComments(root) {
  return FOLDERS.flatMap((folder) =>
    [...filesBelow(join(root, folder), /\.[cm]?[jt]s$/)].flatMap((file) =>
      offencesOf(file, readFileSync(file, "utf8")).map(
        ({ line, message }) => `${relative(root, file)}:${line}: ${message}`,
      ),
    ),
  );
}

runAsCommand(import.meta.url, (root) => checkComments(root));
