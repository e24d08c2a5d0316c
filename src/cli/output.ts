/** What every command does alike: one result on stdout, the rest on stderr, one clear message when it fails. */

import { type Outcome, UsageError } from "../commands/index.js";
import { printable, printableJson } from "../text/printable.js";

/** Exit statuses: a failure, and a command line that could not be understood. */
export const exitFailure = 1;
export const exitUsage = 2;

/** Prints a result: one JSON document and an end of line, or the text. */
export function printResult(result: Outcome, json: boolean): void {
  const text = json ? printableJson(result.document) : printable(result.text.replace(/\n+$/, ""));
  process.stdout.write(`${text}\n`);
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
  // the first rank reports what failed on all
  if (error instanceof Error && error.name === "OtherRankError") return exitFailure;
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
