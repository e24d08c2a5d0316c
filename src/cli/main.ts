/** The command line: finds the command, loads its body, runs it, prints its result or its failure. */
import type { ArgsDef } from "citty";
import { didYouMean } from "../text/nearest.js";
import type { Command, CommandContext, CommandDefinition } from "./command.js";
import * as definitions from "./definitions.js";
import { commandHelp, rootHelp, version } from "./help.js";
import { exitFailure, guardStdout, note, printFailure, printResult } from "./output.js";
import { sortWords, UsageError } from "./words.js";

/** A command and how to load its body, which may bring the engine with it. */
export interface Entry {
  definition: CommandDefinition;
  load: () => Promise<Command>;
}

/** An entry of the table: a definition and the module whose `command` is its body. */
export function entry<T extends ArgsDef>(
  definition: CommandDefinition<T>,
  load: () => Promise<{ command: Command<T> }>,
): Entry {
  // The table forgets which arguments a body has; it is only ever called with those its own definition declares.
  return { definition, load: async () => (await load()).command as unknown as Command };
}

/** The commands, in the order help lists them. */
const commands: readonly Entry[] = [
  entry(definitions.quickstart, () => import("./commands/quickstart.js")),
  entry(definitions.train, () => import("./commands/train.js")),
  entry(definitions.fit, () => import("./commands/fit.js")),
  entry(definitions.predict, () => import("./commands/predict.js")),
  entry(definitions.evaluate, () => import("./commands/evaluate.js")),
  entry(definitions.finetune, () => import("./commands/finetune.js")),
  entry(definitions.fewshot, () => import("./commands/fewshot.js")),
  entry(definitions.vtab, () => import("./commands/vtab.js")),
  entry(definitions.embed, () => import("./commands/embed.js")),
  entry(definitions.pseudoLabel, () => import("./commands/pseudo-label.js")),
  entry(definitions.convert, () => import("./commands/convert.js")),
  entry(definitions.exportNetwork, () => import("./commands/export.js")),
  entry(definitions.inspectWeights, () => import("./commands/inspect-weights.js")),
  entry(definitions.models, () => import("./commands/models.js")),
  entry(definitions.data, () => import("./commands/data.js")),
  entry(definitions.dataFractals, () => import("./commands/data-fractals.js")),
  entry(definitions.dataWeakLabels, () => import("./commands/data-weak-labels.js")),
  entry(definitions.dedup, () => import("./commands/dedup.js")),
  entry(definitions.robustness, () => import("./commands/robustness.js")),
  entry(definitions.benchEngine, () => import("./commands/bench-engine.js")),
  entry(definitions.benchDistributed, () => import("./commands/bench-distributed.js")),
  entry(definitions.benchBackbones, () => import("./commands/bench-backbones.js")),
  entry(definitions.benchFewshot, () => import("./commands/bench-fewshot.js")),
  entry(definitions.benchDedup, () => import("./commands/bench-dedup.js")),
  entry(definitions.benchInference, () => import("./commands/bench-inference.js")),
];

interface Found {
  entry: Entry;
  /** The words after the command's own. */
  rest: string[];
}

function findCommand(words: readonly string[], commands: readonly Entry[]): Found {
  const leading = words.slice(0, 2).filter((word) => !word.startsWith("-"));
  for (const size of [2, 1]) {
    const name = words.slice(0, size).join(" ");
    const found = commands.find(({ definition }) => definition.name === name);
    if (found) return { entry: found, rest: words.slice(size) };
  }
  const names = commands.map(({ definition }) => definition.name);
  const first = leading[0] ?? words[0]!;
  if (first.startsWith("-")) throw new UsageError(`unknown flag ${first}${didYouMean(first, ["--help", "--version"])}`);
  const below = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
  if (below.length > 0) {
    const given = leading[1] === undefined ? "needs a word after it" : `has no "${leading[1]}"`;
    throw new UsageError(`"${first}" ${given}; expected ${below.map((name) => `${first} ${name}`).join(", ")}`);
  }
  const meant = didYouMean(first, names);
  throw new UsageError(`unknown command "${first}"${meant === "" ? `; there are ${names.join(", ")}` : meant}`);
}

/** What citty parses, its errors (a flag that is missing, a value that is none of those there are) as UsageError. */
function parsedBy<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** The arguments of a command, as its body gets them. Throws UsageError. */
async function parseWords({ entry, rest }: Found): Promise<Omit<CommandContext<ArgsDef>, "note">> {
  const [{ parseArgs }, { commonArguments }] = await Promise.all([import("citty"), import("./command.js")]);
  const args = { ...entry.definition.arguments, ...commonArguments };
  const { overrides: takesSettings = false, variadic = false } = entry.definition;
  const sorted = sortWords(rest, args, { settings: takesSettings, variadic });
  const parsed = parsedBy(() => parseArgs(sorted.known, args));
  const overrides =
    sorted.settings.length > 0 ? (await import("../train/recipe/overrides.js")).parseOverrides(sorted.settings) : [];
  return { args: parsed, rest: sorted.rest, overrides, json: parsed["json"] === true };
}

/**
 * What the words after `fovea` mean, without running it: the command, and its arguments where there are words beside its name.
 * Throws UsageError where they mean nothing.
 */
export async function parseCommandLine(
  words: readonly string[],
): Promise<{ readonly name: string; readonly context: Omit<CommandContext<ArgsDef>, "note"> | undefined }> {
  const found = findCommand(words, commands);
  return {
    name: found.entry.definition.name,
    context: found.rest.length === 0 ? undefined : await parseWords(found),
  };
}

async function runCommand(found: Found): Promise<number> {
  const context = await parseWords(found);
  const { json } = context;
  const command = await found.entry.load();
  const release = guardStdout();
  try {
    const result = await command.run({ ...context, note });
    if (!result.quiet) printResult(result, json);
    return result.failed ? exitFailure : 0;
  } finally {
    release();
  }
}

/**
 * Runs the program with the words after `fovea`. Prints to stdout and stderr and returns the exit status:
 * 0, 1 for a failure, 2 for a command line that means nothing. Never throws.
 * `table` is the program's own unless a test gives another.
 */
export async function run(words: readonly string[], table: readonly Entry[] = commands): Promise<number> {
  let name = "";
  try {
    if (words[0] === "--version" || words[0] === "-v") {
      process.stdout.write(`${version()}\n`);
      return 0;
    }
    const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words;
    if (asked.length === 0 || asked[0] === "--help" || asked[0] === "-h") {
      process.stdout.write(`${rootHelp(table.map(({ definition }) => definition))}\n`);
      return 0;
    }
    const found = findCommand(asked, table);
    name = found.entry.definition.name;
    const end = found.rest.indexOf("--");
    const flags = end < 0 ? found.rest : found.rest.slice(0, end);
    if (flags.includes("--help") || flags.includes("-h")) {
      process.stdout.write(`${await commandHelp(found.entry.definition, process.stdout.isTTY === true)}\n`);
      return 0;
    }
    return await runCommand(found);
  } catch (error) {
    return printFailure(error, name);
  }
}
