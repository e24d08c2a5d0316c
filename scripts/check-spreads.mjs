/**
 * Rejects calls that pass every element of an array as an argument to a variadic function, such as Math.max(...array)
 * and list.push(...array): a large array overflows the stack. src/text/arrays.ts has replacements.
 *
 * usage: node scripts/check-spreads.mjs [root]      prints every offence, exits 1 when there is one
 */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { filesBelow, runAsCommand } from "./check.mjs";

/** Variadic functions, by the name after the dot, and what to write instead of spreading into them. */
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

const bare = (node) => (ts.isParenthesizedExpression(node) ? bare(node.expression) : node);

/** Whether the array has a fixed number of written elements, as in `...(wanted ? [one] : [])`. */
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

/** Checks one tree; returns one line of text for each offence. */
export function checkSpreads(root) {
  const offences = [];
  for (const folder of FOLDERS) {
    for (const file of filesBelow(join(root, folder), /\.[cm]?[jt]s$/)) {
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

runAsCommand(import.meta.url, (root) => checkSpreads(root));
