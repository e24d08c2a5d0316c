/** Sorts the words of a command line: flags a command knows, settings of a recipe, and what is neither. */
import type { ArgDef, ArgsDef } from "citty";
import { append } from "../text/arrays.js";
import { didYouMean, editDistance } from "../text/nearest.js";

/** A command line that cannot be carried out as written. */
export class UsageError extends Error {
  override name = "UsageError";
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function aliases(definition: ArgDef): readonly string[] {
  if (definition.type === "positional" || !("alias" in definition)) return [];
  return [definition.alias ?? []].flat();
}

interface Flag {
  name: string;
  takesValue: boolean;
}

function flagTable(args: ArgsDef): Map<string, Flag> {
  const table = new Map<string, Flag>();
  for (const [name, definition] of Object.entries(args)) {
    if (definition.type === "positional") continue;
    const flag = { name, takesValue: definition.type === "string" || definition.type === "enum" };
    table.set(`--${kebab(name)}`, flag);
    for (const alias of aliases(definition)) table.set(alias.length === 1 ? `-${alias}` : `--${alias}`, flag);
    if (definition.type === "boolean") table.set(`--no-${kebab(name)}`, flag);
  }
  return table;
}

export interface SortedWords {
  /** Words for the command itself: its flags, written `--name=value`, and its positional arguments. */
  known: string[];
  /** `--path=value` words for a recipe, with the word after them where they have no `=`. */
  settings: string[];
  /** Words beyond the positional arguments of a variadic command. */
  rest: string[];
}

/**
 * Sorts words by the arguments a command has. Unknown flags are settings where `settings` says so.
 *
 * Throws UsageError for an unknown flag (naming the nearest), a flag without its value, and words beyond the positional
 * arguments of a command that is not variadic.
 */
export function sortWords(
  words: readonly string[],
  args: ArgsDef,
  options: { settings: boolean; variadic?: boolean },
): SortedWords {
  const table = flagTable(args);
  const positionals = Object.entries(args).filter(([, { type }]) => type === "positional");
  const known: string[] = [];
  const settings: string[] = [];
  const places: string[] = [];

  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      append(places, words.slice(i + 1));
      break;
    }
    // A lone dash and negative numbers are values, not flags.
    if (!/^--?[^-\d.]/.test(word)) {
      places.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const flag = table.get(name);
    if (!flag) {
      const long = [...table.keys()].filter((one) => one.startsWith("--"));
      // A slip in a flag of the command is told as that, not as a setting that no recipe has.
      const slip = !name.includes(".") && long.some((one) => editDistance(name, one) <= 2);
      if (!options.settings || !name.startsWith("--") || slip) {
        throw new UsageError(`unknown flag ${name}${name.startsWith("--") ? didYouMean(name, long) : ""}`);
      }
      settings.push(word);
      const next = words[i + 1];
      if (equals < 0 && next !== undefined && !next.startsWith("--")) {
        settings.push(next);
        i++;
      }
    } else if (!flag.takesValue) {
      if (equals >= 0) throw new UsageError(`${name} takes no value, given "${word.slice(equals + 1)}"`);
      known.push(name.startsWith("--no-") ? `--no-${flag.name}` : `--${flag.name}`);
    } else if (equals >= 0) {
      known.push(`--${flag.name}=${word.slice(equals + 1)}`);
    } else {
      const next = words[++i];
      if (next === undefined || next.startsWith("--")) throw new UsageError(`${name} needs a value: ${name}=VALUE`);
      known.push(`--${flag.name}=${next}`);
    }
  }

  const missing = positionals.find(([, definition], i) => definition.required !== false && i >= places.length);
  if (missing) {
    throw new UsageError(`${missing[0].toUpperCase()} is missing: ${missing[1].description ?? ""}`);
  }
  const rest = options.variadic ? places.splice(positionals.length) : [];
  if (places.length > positionals.length) {
    throw new UsageError(`"${places[positionals.length]}" is one word too many`);
  }
  return { known: places.length > 0 ? [...known, "--", ...places] : known, settings, rest };
}

/** Reads a whole number given as text. Throws UsageError naming the flag. */
export function wholeNumber(text: string, flag: string, least = 0): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${flag}: "${text}" is not a whole number from ${least}`);
  }
  return value;
}

/** Reads whole numbers separated by commas. Throws UsageError naming the flag. */
export function wholeNumbers(text: string, flag: string, least = 0): number[] {
  return text.split(",").map((part) => wholeNumber(part, flag, least));
}
