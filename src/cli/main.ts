/** The command line: finds the command, reads its arguments, runs it, prints its result or its failure. */
import {
  commands as allCommands,
  alternatives,
  type Command,
  type Io,
  renamedCommands,
  UsageError,
} from "../commands/index.js";
import { withDownloadContext } from "../files/download/context.js";
import { didYouMean } from "../text/nearest.js";
import { startProgress } from "../text/progress.js";
import { launchOf } from "../train/distributed/launcher.js";
import { type Arguments, parseArguments } from "./args.js";
import { commandHelp, programHelp, version, widestLine } from "./help.js";
import { interruption } from "./interrupt.js";
import { exitFailure, guardStdout, note, printFailure, printResult } from "./output.js";

interface Found {
  readonly command: Command;
  /** The arguments after the name of the command. */
  readonly rest: readonly string[];
}

/** The error for an old name: `"bench engine" is now "speed engine"`. */
function renamed(old: string): UsageError {
  const now = (renamedCommands[old] ?? []).map((name) => `"${name}"`);
  return new UsageError(`"${old}" is now ${alternatives(now)}`);
}

function findCommand(words: readonly string[], commands: readonly Command[]): Found {
  const [word, , third] = words;
  const both = words.slice(0, 2).join(" ");
  // "inspect weights x" uses an old name; "inspect weights" inspects the folder weights
  const isOld = third !== undefined && !third.startsWith("-");
  if (isOld && renamedCommands[both] !== undefined && commands.some(({ name }) => name === word)) {
    throw renamed(both);
  }
  for (const size of [2, 1]) {
    const name = words.slice(0, size).join(" ");
    const command = commands.find((one) => one.name === name);
    if (command) return { command, rest: words.slice(size) };
  }
  const names = commands.map(({ name }) => name);
  const [first = "", second] = words;
  if (first.startsWith("-")) {
    throw new UsageError(`unknown option ${first}${didYouMean(first, ["--help", "--version"])}`);
  }
  const old = [`${first} ${second ?? ""}`, first].find((name) => renamedCommands[name] !== undefined);
  if (old !== undefined) throw renamed(old);
  const below = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
  if (below.length > 0) {
    if (second === undefined) throw new UsageError(`"${first}" needs a subcommand: ${below.join(", ")}`);
    const meant = didYouMean(second, below) || `; expected ${below.join(", ")}`;
    throw new UsageError(`"${first}" has no subcommand "${second}"${meant}`);
  }
  const meant = didYouMean(first, names) || `; expected one of ${names.join(", ")}`;
  throw new UsageError(`unknown command "${first}"${meant}`);
}

/**
 * Parses a command line without running it: the command, and its options if there are arguments. Throws UsageError for an
 * invalid command line.
 */
export function parseCommandLine(words: readonly string[]): {
  readonly name: string;
  readonly options: Arguments["options"] | undefined;
} {
  const { command, rest } = findCommand(words, allCommands);
  return { name: command.name, options: rest.length === 0 ? undefined : parseArguments(rest, command).options };
}

/** Runs a command. Of the ranks of an MPI job only rank 0 prints; the others run distributed commands alone. */
async function runCommand({ command, rest }: Found): Promise<number> {
  const { options, json } = parseArguments(rest, command);
  const first = (launchOf()?.rank ?? 0) === 0;
  if (!first && !command.distributed(options)) return 0;
  const tell = first ? note : () => undefined;
  const release = guardStdout();
  const { signal, release: stopListening } = command.stopping
    ? interruption(tell, command.stopping)
    : { signal: new AbortController().signal, release: () => undefined };
  const io: Io = {
    signal,
    note: tell,
    progress: (given) => startProgress({ ...given, silent: json || !first || given.silent === true }),
    stdin: process.stdin,
  };
  try {
    const outcome = await withDownloadContext(io, () => command.run(options, io));
    if (first) printResult(outcome, json);
    return outcome.failed ? exitFailure : 0;
  } finally {
    stopListening();
    release();
  }
}

/** The width of the terminal, if there is one. */
const terminalWidth = (): number => (process.stdout.isTTY ? Math.max(60, process.stdout.columns) : widestLine);

/**
 * Runs the program with the arguments after `fovea`. Prints to stdout and stderr and returns the exit status: 0, 1 for a
 * failure, 2 for an invalid command line. Never throws. `commands` can be replaced in tests.
 */
export async function run(words: readonly string[], commands: readonly Command[] = allCommands): Promise<number> {
  let name = "";
  try {
    if (words[0] === "--version" || words[0] === "-v") {
      process.stdout.write(`${version()}\n`);
      return 0;
    }
    const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words;
    if (asked.length === 0 || asked[0] === "--help" || asked[0] === "-h") {
      process.stdout.write(`${programHelp(commands, terminalWidth())}\n`);
      return 0;
    }
    const found = findCommand(asked, commands);
    name = found.command.name;
    const end = found.rest.indexOf("--");
    const flags = end < 0 ? found.rest : found.rest.slice(0, end);
    if (flags.includes("--help") || flags.includes("-h")) {
      process.stdout.write(`${commandHelp(found.command, terminalWidth())}\n`);
      return 0;
    }
    return await runCommand(found);
  } catch (error) {
    return printFailure(error, name);
  }
}
