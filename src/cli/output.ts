/** Output of all commands: the result on stdout, everything else on stderr, one message for a failure. */

import { type Outcome, UsageError } from "../commands/index.js";
import { printable, printableJson } from "../text/printable.js";

/** Exit statuses: 1 for a failure, 2 for an invalid command line. */
export const exitFailure = 1;
export const exitUsage = 2;

/** Prints a result: one JSON document and an end of line, or the text. */
export function printResult(result: Outcome, json: boolean): void {
  const text = json ? printableJson(result.document) : printable(result.text.replace(/\n+$/, ""));
  process.stdout.write(`${text}\n`);
}

/** Prints a line to stderr. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** Prints the error message, with the stack if FOVEA_DEBUG=1. Returns the exit status. */
export function printFailure(error: unknown, command: string): number {
  const debug = process.env["FOVEA_DEBUG"] === "1";
  if (error instanceof UsageError) {
    note(`fovea: ${error.message}\nSee \`fovea ${command === "" ? "" : `${command} `}--help\`.`);
    return exitUsage;
  }
  // the first rank reports what failed on all
  if (error instanceof Error && error.name === "OtherRankError") return exitFailure;
  const message = error instanceof Error ? error.message : String(error);
  // programming errors: the message says how to show the stack
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
 * Redirects to stderr what libraries print to stdout while a command runs, so that stdout has only the result. Returns a
 * function that restores stdout.
 */
export function guardStdout(): () => void {
  const { log, info, debug } = console;
  console.log = console.info = console.debug = console.error;
  return () => Object.assign(console, { log, info, debug });
}
