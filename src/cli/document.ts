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
  if (schema instanceof z.ZodObject) {
    const further = schema.def.catchall instanceof z.ZodUnknown ? ["..."] : [];
    return `{ ${[...Object.keys(schema.shape), ...further].join(", ")} }`;
  }
  return schema instanceof z.ZodString ? "text" : "object";
}

/** The type within optional, nullable and readonly. */
function inner(schema: z.core.$ZodType): z.core.$ZodType {
  const wraps = schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly;
  return wraps ? inner(schema.def.innerType) : schema;
}

/** The description of a schema, or of what it wraps. */
function aboutOf(schema: z.core.$ZodType): string | undefined {
  const bare = inner(schema);
  return z.globalRegistry.get(schema)?.description ?? z.globalRegistry.get(bare)?.description;
}

const row = (path: string, schema: z.core.$ZodType, about: string | undefined): [string, string] => [
  path,
  about === undefined ? typeName(schema) : `${typeName(schema)}: ${about}`,
];

/** The described fields of the objects in a field, by their paths: `groups[].leaks`. Every schema is listed once. */
function fieldsIn(schema: z.core.$ZodType, path: string, listed: Set<z.core.$ZodType>): [string, string][] {
  const bare = inner(schema);
  if (bare instanceof z.ZodArray) return fieldsIn(bare.element, `${path}[]`, listed);
  if (bare instanceof z.ZodRecord) return fieldsIn(bare.valueType, `${path}.NAME`, listed);
  if (!(bare instanceof z.ZodObject)) return [];
  return Object.entries(bare.shape).flatMap(([key, one]) => {
    const about = aboutOf(one);
    const isNew = about !== undefined && !listed.has(one);
    if (isNew) listed.add(one);
    return [...(isNew ? [row(`${path}.${key}`, one, about)] : []), ...fieldsIn(one, `${path}.${key}`, listed)];
  });
}

/** Introduces another form of the document; the description of its schema says when it is printed. */
function otherwise(schema: z.core.$ZodType): string {
  const about = z.globalRegistry.get(schema)?.description;
  return about === undefined ? "or" : `or, ${about}:`;
}

/** The fields of the document that `--json` prints, one list for each form that it may have. */
function resultLines(result: z.core.$ZodType): string[] {
  if (result instanceof z.ZodUnion) {
    return result.options.flatMap((one, i) => [...(i > 0 ? ["", otherwise(one)] : []), ...resultLines(one)]);
  }
  if (!(result instanceof z.ZodObject)) return [];
  const listed = new Set<z.core.$ZodType>(Object.values(result.shape));
  const rows = Object.entries(result.shape).flatMap(([key, schema]) => [
    row(key, schema, aboutOf(schema)),
    ...fieldsIn(schema, key, listed),
  ]);
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
    "Results go to stdout, everything else to stderr. The exit status is 0, 1 for a failure (also for unknown recipe settings, an unknown `--method` of `fovea vtab`, and missing files, which are checked later), 2 for a command line that cannot be parsed or has an invalid value.",
    "`fovea --version` (`-v`) prints the version. Every command also has these options:",
    ...table(
      "option",
      commonOptions.map(({ flag, short, description }) => [
        short === undefined ? `--${flag}` : `-${short}, --${flag}`,
        description,
      ]),
    ),
    "",
    "These environment variables change what commands do:",
    ...table("variable", [
      ["FOVEA_CACHE", "Cache folder (docs/data.md)"],
      ["FOVEA_DEBUG", "1 shows the stack of an error"],
      ["FOVEA_MPI_LIBRARY", "MPI library to load (docs/distributed.md)"],
      ["FOVEA_MPI_TIMEOUT", "Seconds after which a rank that does not answer ends the job (default: 600)"],
      ["FOVEA_THREADS", "Default number of threads of each process (docs/devices.md)"],
    ]),
    "",
    "The tables of `--json` list the fields of the document, and explain nested fields whose names are not self-explanatory.",
    "`...` stands for further fields that depend on the kind of network; the objects `config`, `image` and `model` have such fields in lists too.",
    ...commands.flatMap(commandLines),
    "",
  ].join("\n");
}
