/** The help of the program and of each command, derived from the table of commands; at most 100 columns wide. */
import { readFileSync } from "node:fs";
import type { Command } from "../commands/index.js";
import { describeOptions, type OptionDescription, usageOf } from "../commands/index.js";
import { largest } from "../text/arrays.js";
import { wrap } from "../text/wrap.js";
import { commonOptions } from "./args.js";

/** No line of help is wider, in characters. */
export const widestLine = 100;
/** Maximum width of the left column; a longer entry gets its own line. */
const widestLeft = 28;

/** The version in package.json. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

type Row = readonly [string, string];

/** The width of the left column of these rows. */
const leftOf = (table: readonly Row[]): number =>
  largest([0, ...table.map(([word]) => word.length).filter((length) => length <= widestLeft)]);

/** Rows of two columns; the right one is wrapped. */
function rows(table: readonly Row[], width: number, left = leftOf(table)): string[] {
  const indent = " ".repeat(left + 4);
  return table.flatMap(([word, about]) => {
    const [first = "", ...more] = wrap(about, width - indent.length);
    const head = word.length > left ? [`  ${word}`, `${indent}${first}`] : [`  ${word.padEnd(left)}  ${first}`];
    return [...head, ...more.map((line) => `${indent}${line}`)].map((line) => line.trimEnd());
  });
}

/** A default as it is written on the command line. */
export function defaultText({ default: value }: OptionDescription): string | undefined {
  if (value === undefined || typeof value === "boolean") return undefined;
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.join(typeof value[0] === "number" ? "," : ", ");
  return String(value);
}

/** The description of an option, with its default unless the description states it. */
export function descriptionText(one: OptionDescription): string {
  const standard = defaultText(one);
  return standard === undefined ? one.description : `${one.description} (default: ${standard})`;
}

/** How an option is written: `--folds N`, or `--no-crops` for a flag that is on by default. */
export function optionText({ flag, placeholder, default: value, positional, rest }: OptionDescription): string {
  if (placeholder === undefined) return value === true ? `--no-${flag}` : `--${flag}`;
  return `--${flag} ${positional ? "VALUE" : placeholder}${rest ? "..." : ""}`;
}

/** A heading with its rows; empty without rows. */
function section(title: string, table: readonly Row[], width: number, left?: number): string[] {
  return table.length === 0 ? [] : ["", title, ...rows(table, width, left)];
}

function examplesText(examples: Command["examples"], width: number): string[] {
  return examples.flatMap(({ run, does }) => [
    ...wrapCommand(run, width),
    ...wrap(does, width - 6).map((line) => `      ${line}`),
  ]);
}

/** A command line, continued with backslashes where it is longer than the width. */
function wrapCommand(line: string, width: number): string[] {
  const parts = wrap(line, width - 8);
  return parts.map((part, i) => `${i === 0 ? "  " : "    "}${part}${i < parts.length - 1 ? " \\" : ""}`);
}

/** The help of one command. `width` is the terminal's; lines are at most 100 characters. */
export function commandHelp(command: Command, width = widestLine): string {
  const columns = Math.min(width, widestLine);
  const options = describeOptions(command);
  const named = options.filter(({ positional, settings }) => !positional && !settings);
  const grouped = (group: OptionDescription["group"]) =>
    named.filter((one) => one.group === group).map((one): Row => [optionText(one), descriptionText(one)]);
  const sections: readonly (readonly [string, readonly Row[]])[] = [
    [
      "ARGUMENTS",
      options
        .filter(({ positional }) => positional)
        .map((one): Row => [one.placeholder ?? one.flag, descriptionText(one)]),
    ],
    ["OPTIONS", grouped(undefined)],
    ["FILES", grouped("output")],
    ["COMPUTE", grouped("compute")],
    [
      "COMMON",
      commonOptions.map(
        ({ flag, short, description }): Row => [
          short === undefined ? `--${flag}` : `-${short}, --${flag}`,
          description,
        ],
      ),
    ],
  ];
  const left = leftOf(sections.flatMap(([, table]) => table));
  const settings = options.find((one) => one.settings);
  return [
    ...wrap(`fovea ${command.name}: ${command.summary}`, columns),
    ...(command.details === undefined ? [] : ["", ...wrap(command.details, columns)]),
    "",
    "USAGE",
    ...wrap(usageOf(command), columns - 6).map((line, i) => `${i === 0 ? "  " : "      "}${line}`),
    ...sections.flatMap(([title, table]) => section(title, table, columns, left)),
    ...(settings ? ["", ...wrap(settings.description, columns)] : []),
    "",
    "EXAMPLES",
    ...examplesText(command.examples, columns),
  ].join("\n");
}

/** The help of the whole program. */
export function programHelp(commands: readonly Command[], width = widestLine): string {
  const columns = Math.min(width, widestLine);
  return [
    "fovea: train vision backbones, transfer them to new classes and measure them",
    "",
    "USAGE",
    "  fovea COMMAND [OPTIONS]",
    ...section(
      "COMMANDS",
      commands.map(({ name, summary }) => [name, summary]),
      columns,
    ),
    "",
    "EXAMPLES",
    ...examplesText(commands.flatMap(({ examples }) => examples.slice(0, 1)).slice(0, 6), columns),
    "",
    "`fovea COMMAND --help` shows the options of a command and more examples; `fovea --version`",
    "shows the version. FOVEA_DEBUG=1 shows where an error happened.",
  ].join("\n");
}
