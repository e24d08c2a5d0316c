/** The help of the program and of each command. */
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { largest } from "../text/arrays.js";
import type { CommandDefinition } from "./command.js";

/** The version in package.json. */
export function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}

function columns(rows: readonly (readonly [string, string])[], indent = "  "): string {
  const width = largest(rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${indent}${left.padEnd(width)}   ${right}`).join("\n");
}

/** The help of the whole program. */
export function rootHelp(definitions: Iterable<CommandDefinition>): string {
  const rows = [...definitions].map(({ name, summary }) => [name, summary] as const);
  const examples = [...definitions].map(({ examples: [first] }) => [first!.line, first!.does] as const);
  return [
    "fovea: learn general visual representations and put them to work",
    "",
    "USAGE  fovea COMMAND [OPTIONS]",
    "",
    "COMMANDS",
    columns(rows),
    "",
    "EXAMPLES",
    columns(examples),
    "",
    "`fovea COMMAND --help` shows a command's arguments and more examples; `fovea --version` the version.",
    "FOVEA_DEBUG=1 shows where an error happened.",
  ].join("\n");
}

/** The help of one command: citty's usage, then examples. Colours only where a terminal shows them. */
export async function commandHelp(definition: CommandDefinition, colours: boolean): Promise<string> {
  const [{ renderUsage }, { cittyCommand }] = await Promise.all([import("citty"), import("./command.js")]);
  const usage = (
    await renderUsage(cittyCommand(definition), { meta: { name: "fovea", version: version() } })
  ).trimEnd();
  const examples = definition.examples.map(({ line, does }) => [line, does] as const);
  const settings = definition.overrides
    ? "\n\nAny other --path.to.setting=value changes that setting of the recipe; null removes it, arrays and objects are JSON."
    : "";
  const text = `${usage}${settings}\n\nEXAMPLES\n\n${columns(examples)}`;
  return colours ? text : stripVTControlCharacters(text);
}
