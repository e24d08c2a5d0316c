/**
 * Checks the style of comments: a file opens with a doc comment that says what it is for, an export is documented by one,
 * and comments inside of functions are line comments.
 *
 * usage: node scripts/check-comments.mjs [root]      prints every offence, exits 1 when there is one
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const FOLDERS = ["bin", "src", "tests", "scripts", "recipes"];

function* sourceFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (/\.[cm]?[jt]s$/.test(entry.name)) yield path;
  }
}

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

/** Checks one tree; returns one readable line for each offence. */
export function checkComments(root) {
  return FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    [...sourceFiles(join(root, folder))].flatMap((file) =>
      offencesOf(file, readFileSync(file, "utf8")).map(
        ({ line, message }) => `${relative(root, file)}:${line}: ${message}`,
      ),
    ),
  );
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
  const offences = checkComments(root);
  for (const offence of offences) console.error(offence);
  if (offences.length > 0) {
    console.error(`check-comments: ${offences.length} offence${offences.length === 1 ? "" : "s"}`);
    process.exit(1);
  }
}
