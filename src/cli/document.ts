/** docs/cli.md: the reference of the command line, derived from the table of commands. */
import { z } from "zod";
import { type Command, commands, describeOptions, usageOf } from "../commands/index.js";
import { commonOptions } from "./args.js";
import { descriptionText, optionText } from "./help.js";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const table = (head: string, rows: readonly (readonly [string, string])[]): string[] =>
  rows.length === 0
    ? []
    : ["", `| ${head} | |`, "| --- | --- |", ...rows.map(([name, about]) => `| \`${cell(name)}\` | ${cell(about)} |`)];

/** The name of a JSON type: `number`, `list of text`. */
function typeName(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodReadonly) return typeName(schema.def.innerType);
  if (schema instanceof z.ZodNullable) return `${typeName(schema.def.innerType)} or null`;
  if (schema instanceof z.ZodArray) return `list of ${typeName(schema.element)}`;
  if (schema instanceof z.ZodTuple) return `[${schema.def.items.map(typeName).join(", ")}]`;
  if (schema instanceof z.ZodEnum) return schema.options.map((one) => `"${one}"`).join(" or ");
  if (schema instanceof z.ZodRecord) return `${typeName(schema.valueType)} by name`;
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodBoolean) return "true or false";
  if (schema instanceof z.ZodObject) return `{ ${Object.keys(schema.shape).join(", ")} }`;
  return schema instanceof z.ZodString ? "text" : "object";
}

/** The fields of the document that `--json` prints, one list for each form that it may have. */
function resultLines(result: z.core.$ZodType): string[] {
  if (result instanceof z.ZodUnion) {
    return result.options.flatMap((one, i) => [...(i > 0 ? ["", "or"] : []), ...resultLines(one)]);
  }
  if (!(result instanceof z.ZodObject)) return [];
  const rows = Object.entries(result.shape).map(([key, schema]): [string, string] => {
    const about = z.globalRegistry.get(schema)?.description;
    return [key, about === undefined ? typeName(schema) : `${typeName(schema)}: ${about}`];
  });
  return table("field", rows);
}

function commandLines(command: Command): string[] {
  const options = describeOptions(command);
  const named = options.filter(({ positional, settings }) => !positional && !settings);
  const settings = options.find((one) => one.settings);
  return [
    "",
    `## fovea ${command.name}`,
    "",
    `${command.summary}.${command.details === undefined ? "" : ` ${command.details}`}`,
    "",
    "```",
    usageOf(command),
    "```",
    ...table(
      "argument",
      options.filter(({ positional }) => positional).map((one) => [one.placeholder ?? one.flag, descriptionText(one)]),
    ),
    ...table(
      "option",
      named.map((one) => [optionText(one), descriptionText(one)]),
    ),
    ...(settings ? ["", `${settings.description}.`] : []),
    "",
    "```sh",
    ...command.examples.map(({ run, does }) => `${run}   # ${does}`),
    "```",
    "",
    "With `--json`:",
    ...resultLines(command.result),
  ];
}

/** The text of docs/cli.md. */
export function cliDocument(): string {
  return [
    "# Command line",
    "",
    "Written by `npx jiti scripts/write-cli-docs.ts` from the table of commands (`src/commands/`); do not edit it by hand.",
    "",
    "Results go to stdout, everything else to stderr. The exit status is 0, 1 for a failure, 2 for invalid arguments.",
    "Every command also has these options:",
    ...table(
      "option",
      commonOptions.map(({ flag, description }) => [`--${flag}`, description]),
    ),
    ...commands.flatMap(commandLines),
    "",
  ].join("\n");
}
