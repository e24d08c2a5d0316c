/**
 * Refuses calls that give every element of an array as an argument to a function that takes any number of them, such as
 * Math.max(...array) and list.push(...array): a large array overflows the stack. src/text/arrays.ts has what to write instead.
 *
 * usage: node scripts/check-spreads.mjs [root]      prints every offence, exits 1 when there is one
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** Functions that take any number of arguments, by the name after the dot, and what to write instead of spreading into them. */
const INSTEAD = {
  max: "largest(array)",
  min: "smallest(array)",
  hypot: "a loop",
  push: "append(array, items)",
  unshift: "a new array",
  splice: "a new array",
  concat: "flat()",
  of: "from(array)",
  fromCharCode: "a TextDecoder, or a loop and join",
  fromCodePoint: "a loop and join",
};

const FOLDERS = ["src", "scripts", "recipes"];

function* sourceFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (/\.[cm]?[jt]s$/.test(entry.name)) yield path;
  }
}

const bare = (node) => (ts.isParenthesizedExpression(node) ? bare(node.expression) : node);

/** Has the array as many elements as are written there, as in `...(wanted ? [one] : [])`? */
function isWritten(given) {
  const node = bare(given);
  if (ts.isConditionalExpression(node)) return isWritten(node.whenTrue) && isWritten(node.whenFalse);
  return (
    ts.isArrayLiteralExpression(node) &&
    node.elements.every((one) => !ts.isSpreadElement(one) || isWritten(one.expression))
  );
}

function offenceOf(node) {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined;
  const name = node.expression.name.text;
  // Math.max.apply(undefined, array)
  const called = node.expression.expression;
  if (name === "apply" && ts.isPropertyAccessExpression(called) && Object.hasOwn(INSTEAD, called.name.text)) {
    return { name: called.name.text, instead: INSTEAD[called.name.text] };
  }
  if (!Object.hasOwn(INSTEAD, name)) return undefined;
  const spread = node.arguments.find((given) => ts.isSpreadElement(given) && !isWritten(given.expression));
  return spread && { name, instead: INSTEAD[name] };
}

/** Checks one tree; returns one readable line for each offence. */
export function checkSpreads(root) {
  const offences = [];
  for (const folder of FOLDERS) {
    if (!existsSync(join(root, folder))) continue;
    for (const file of sourceFiles(join(root, folder))) {
      const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
      const visit = (node) => {
        const found = offenceOf(node);
        if (found) {
          const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
          offences.push(
            `${relative(root, file)}:${line}: ${found.name}(...array) overflows the stack where the array is large; write ${found.instead} (src/text/arrays.ts)`,
          );
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
  }
  return offences;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
  const offences = checkSpreads(root);
  for (const offence of offences) console.error(offence);
  if (offences.length > 0) {
    console.error(`check-spreads: ${offences.length} offence${offences.length === 1 ? "" : "s"}`);
    process.exit(1);
  }
}
