/** What every command does alike: one result on stdout, the rest on stderr, one clear message when it fails. */
import { largest } from "../text/arrays.js";
import { printable, printableJson } from "../text/printable.js";
import type { CommandResult } from "./command.js";
import { UsageError } from "./words.js";

/** Exit statuses: a failure, and a command line that could not be understood. */
export const exitFailure = 1;
export const exitUsage = 2;

/** Prints a result: one JSON document and an end of line, or the text. */
export function printResult(result: CommandResult, json: boolean): void {
  const text = json ? printableJson(result.document) : printable(result.text.replace(/\n+$/, ""));
  process.stdout.write(`${text}\n`);
}

/** Writes rows in columns as wide as their widest cell: words (the first, and those from `leftFrom` on) to the left, numbers to the right. */
export function columns(
  head: readonly string[],
  cells: readonly (readonly string[])[],
  leftFrom: number,
): (texts: readonly string[]) => string {
  const widths = head.map((title, i) => largest([title.length, ...cells.map((line) => line[i]!.length)]));
  return (texts) =>
    texts
      .map((text, i) => (i === 0 || i >= leftFrom ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
}

/** Prints one line for the person who runs the command, leaving stdout to the result. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** Prints what went wrong, and the stack only where FOVEA_DEBUG=1 asks for it. Returns the exit status. */
export function printFailure(error: unknown, command: string): number {
  const debug = process.env["FOVEA_DEBUG"] === "1";
  if (error instanceof UsageError) {
    note(`fovea: ${error.message}\nSee \`fovea ${command === "" ? "" : `${command} `}--help\`.`);
    return exitUsage;
  }
  const message = error instanceof Error ? error.message : String(error);
  // These are slips of the program, not of the person: say how to see more.
  const slip = error instanceof TypeError || error instanceof ReferenceError || message === "";
  if (debug && error instanceof Error) {
    note(`fovea: ${error.stack ?? message}`);
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) note(`caused by: ${cause.stack}`);
  } else {
    note(`fovea: ${message === "" ? "failed without a message" : message}`);
    if (slip) note("This may be a fault in fovea; FOVEA_DEBUG=1 shows where it happened.");
  }
  return exitFailure;
}

/**
 * Lets nothing but the result reach stdout while a command runs: whatever a library prints with console.log goes to stderr.
 * Returns a function that undoes it.
 */
export function guardStdout(): () => void {
  const { log, info, debug } = console;
  console.log = console.info = console.debug = console.error;
  return () => Object.assign(console, { log, info, debug });
}
