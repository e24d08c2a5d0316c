/** What a command is: its words, arguments and examples, apart from its body so that help loads no engine. */
import type { ArgsDef, CommandDef, ParsedArgs } from "citty";
import type { Override } from "../train/recipe/overrides.js";

/** A command as help knows it. */
export interface CommandDefinition<T extends ArgsDef = ArgsDef> {
  /** The words that call it, `bench engine`. */
  name: string;
  /** What it does, in a line. */
  summary: string;
  arguments: T;
  /** Command lines to copy, each with what it does. At least one. */
  examples: readonly { line: string; does: string }[];
  /** Are unknown `--a.b=value` words settings of a recipe? */
  overrides?: boolean;
  /** Does the last positional argument take every word that is left? They reach the body as `rest`. */
  variadic?: boolean;
}

/** What a command is called with. */
export interface CommandContext<T extends ArgsDef> {
  args: ParsedArgs<T>;
  /** The words beyond the positional arguments, where the command is variadic. */
  rest: readonly string[];
  /** Settings of the recipe given on the command line, in order. */
  overrides: readonly Override[];
  /** Does the caller read stdout as JSON? Then no progress is shown. */
  json: boolean;
  /** Tells the person something that is not the result: one line on stderr. */
  note(text: string): void;
}

/** What a command found. It is printed once, at the end: as one JSON document with `--json`, else as text. */
export interface CommandResult {
  document: unknown;
  text: string;
  /** The result stands, but the command exits non-zero: a check that found something wrong. */
  failed?: boolean;
  /** Another process of the same job prints the result. */
  quiet?: boolean;
}

export interface Command<T extends ArgsDef = ArgsDef> {
  definition: CommandDefinition<T>;
  run(context: CommandContext<T>): Promise<CommandResult>;
}

/** Every command takes these. */
export const commonArguments = {
  json: { type: "boolean", description: "Print the result as one JSON document; nothing else goes to stdout" },
  help: { type: "boolean", alias: "h", description: "Show this help" },
} as const satisfies ArgsDef;

/** Gives a definition its exact type, so that the body knows its arguments. */
export function defineArguments<const T extends ArgsDef>(definition: CommandDefinition<T>): CommandDefinition<T> {
  return definition;
}

/** Gives a definition its body. */
export function defineCommand<T extends ArgsDef>(
  definition: CommandDefinition<T>,
  run: (context: CommandContext<T>) => Promise<CommandResult>,
): Command<T> {
  return { definition, run };
}

/** The same definition in citty's form, which parses arguments and renders usage. */
export function cittyCommand(definition: CommandDefinition): CommandDef {
  return {
    meta: { name: definition.name, description: definition.summary },
    args: { ...definition.arguments, ...commonArguments },
  };
}
