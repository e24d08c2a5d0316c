/** Parses the arguments of a command line by the options of a command. */
import { z } from "zod";
import {
  bare,
  type Command,
  describeOptions,
  expectationOf,
  type OptionDescription,
  UsageError,
  usageOf,
} from "../commands/index.js";
import { didYouMean, editDistance } from "../text/nearest.js";

type Schema = z.core.$ZodType;

/** The arguments of one command line. */
export interface Arguments {
  /** The validated options, as `command.run` takes them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly json: boolean;
}

/** Converts text to the type of an option; returns the text if that fails, and validation then reports it. */
function read(type: Schema, text: string): unknown {
  if (type instanceof z.ZodNumber) {
    const written = type.isInt ? /^\s*[-+]?\d+\s*$/ : /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;
    return written.test(text) ? Number(text) : text;
  }
  if (type instanceof z.ZodLiteral) {
    return [...type.values].find((value) => String(value) === text.trim()) ?? text;
  }
  if (type instanceof z.ZodArray) {
    const element = bare(type.element);
    return text.split(",").flatMap((part) => rangeOf(element, part) ?? [read(element, part.trim())]);
  }
  if (type instanceof z.ZodTuple) {
    const parts = text.split(",");
    return type.def.items.map((item, i) => read(item, parts[i] ?? "")).concat(parts.slice(type.def.items.length));
  }
  if (type instanceof z.ZodUnion) {
    const found = type.options.map((one) => ({ one, value: read(one, text) }));
    return (found.find(({ one, value }) => z.safeParse(one, value).success) ?? { value: text }).value;
  }
  return text;
}

/** Expands "1-5" to whole numbers, for a type that takes numbers. */
function rangeOf(type: Schema, text: string): number[] | undefined {
  const [, first, last] = /^\s*(\d{1,4})\s*-\s*(\d{1,4})\s*$/.exec(text) ?? [];
  if (first === undefined || !z.safeParse(type, Number(first)).success) return undefined;
  return Array.from({ length: Math.max(0, Number(last) - Number(first) + 1) }, (_, i) => Number(first) + i);
}

/** The arguments by kind, before validation. */
interface Sorted {
  /** Texts by the keys of the options; true and false for flags. */
  readonly given: Map<string, string | boolean>;
  readonly places: string[];
  readonly settings: { path: string; value: string }[];
}

interface Flag {
  readonly key: string;
  readonly takesValue: boolean;
  readonly value: boolean;
}

/** The options that every command has. */
export const commonOptions: readonly {
  readonly flag: string;
  readonly short?: string;
  readonly description: string;
}[] = [
  { flag: "json", description: "Print the result as one JSON document; nothing else goes to stdout" },
  { flag: "help", short: "h", description: "Show this help" },
];

function flagsOf(options: readonly OptionDescription[]): Map<string, Flag> {
  const table = new Map<string, Flag>();
  for (const { key, flag, type, settings } of options) {
    if (settings) continue;
    const takesValue = !(type instanceof z.ZodBoolean);
    table.set(`--${flag}`, { key, takesValue, value: true });
    if (!takesValue) table.set(`--no-${flag}`, { key, takesValue, value: false });
  }
  for (const { flag, short } of commonOptions) {
    table.set(`--${flag}`, { key: flag, takesValue: false, value: true });
    if (short !== undefined) table.set(`-${short}`, { key: flag, takesValue: false, value: true });
  }
  return table;
}

function unknownOption(name: string, known: readonly string[], renamed: Command["renamed"]): UsageError {
  const now = renamed[name.replace(/^--/, "")];
  if (now !== undefined) return new UsageError(`${name} is now ${now}`);
  return new UsageError(`unknown option ${name}${name.startsWith("--") ? didYouMean(name, known) : ""}`);
}

function sort(words: readonly string[], command: Command, options: readonly OptionDescription[]): Sorted {
  const table = flagsOf(options);
  const long = [...table.keys()].filter((name) => name.startsWith("--"));
  const takesSettings = options.some((one) => one.settings);
  const given: Sorted["given"] = new Map();
  const places: string[] = [];
  const settings: Sorted["settings"] = [];
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      for (const place of queue) places.push(place);
      break;
    }
    // A lone dash and negative numbers are values, not options.
    if (!/^--?[^-\d.]/.test(word)) {
      places.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const text = equals < 0 ? undefined : word.slice(equals + 1);
    const flag = table.get(name);
    const [next] = queue;
    if (!flag) {
      // a misspelt option of the command is reported as such, not as an unknown setting of a recipe
      const slip = !name.includes(".") && long.some((one) => editDistance(name, one) <= 2);
      const old = command.renamed[name.replace(/^--/, "")] !== undefined;
      if (!takesSettings || !name.startsWith("--") || slip || old) throw unknownOption(name, long, command.renamed);
      const follows = text === undefined && next !== undefined && !next.startsWith("--");
      settings.push({ path: name.slice(2), value: text ?? (follows ? next : "true") });
      if (follows) queue.shift();
    } else if (!flag.takesValue) {
      if (text !== undefined) throw new UsageError(`${name} takes no value, given "${text}"`);
      given.set(flag.key, flag.value);
    } else if (text !== undefined) {
      given.set(flag.key, text);
    } else {
      if (next === undefined || next.startsWith("--")) throw new UsageError(`${name} needs a value: ${name}=VALUE`);
      given.set(flag.key, next);
      queue.shift();
    }
  }
  return { given, places, settings };
}

/** The name of an option in messages: `--folds`, or IMAGES. */
const nameOf = ({ positional, flag }: OptionDescription): string => (positional ? flag.toUpperCase() : `--${flag}`);

/**
 * Assigns positional arguments to options: first to required ones, then to optional ones from the left. A list takes the
 * remaining arguments, and so does a list with `rest` that is given by name.
 */
function placed(
  places: readonly string[],
  options: readonly OptionDescription[],
  given: ReadonlyMap<string, string | boolean>,
): Map<string, string | readonly string[]> {
  const found = new Map<string, string | readonly string[]>();
  const open = options.filter(({ positional, key }) => positional && !given.has(key));
  let spare = places.length - open.filter(({ required }) => required).length;
  const queue = [...places];
  for (const { key, required, type } of open) {
    if (!required && spare <= 0) continue;
    if (!required) spare--;
    const first = queue.shift();
    if (first === undefined) break;
    found.set(key, type instanceof z.ZodArray ? [first, ...queue.splice(0, Math.max(spare, 0))] : first);
  }
  const rest = options.find((one) => one.rest && given.has(one.key));
  const listed = rest && given.get(rest.key);
  if (rest && typeof listed === "string") found.set(rest.key, [listed, ...queue.splice(0)]);
  const [extra] = queue;
  if (extra !== undefined) {
    const list = options.find((one) => one.rest);
    const both = options.find(({ positional, key }) => positional && given.has(key));
    throw new UsageError(
      both
        ? `unexpected argument "${extra}": ${both.flag.toUpperCase()} is given by --${both.flag} already`
        : `unexpected argument "${extra}"${list ? `; give it after --${list.flag}` : ""}`,
    );
  }
  return found;
}

/** The error message for an invalid value. */
function issueText(issue: z.core.$ZodIssue, one: OptionDescription, given: unknown, shown: string): string {
  if (issue.code === "custom") return `${nameOf(one)}: ${issue.message}`;
  const choices = one.type instanceof z.ZodArray ? bare(one.type.element) : one.type;
  const wrong = issue.path.length > 1 && Array.isArray(given) ? String(given[Number(issue.path[1])]) : shown;
  const meant = choices instanceof z.ZodEnum ? didYouMean(wrong, choices.options.map(String)) : "";
  return `${nameOf(one)}: expected ${expectationOf(one.type)}, given "${shown}"${meant}`;
}

/**
 * Parses the arguments after the name of a command.
 *
 * Throws UsageError for an unknown option (with the nearest name), an option without its value, a missing or unexpected
 * argument, and invalid values (all of them in one message).
 */
export function parseArguments(words: readonly string[], command: Command): Arguments {
  const options = describeOptions(command);
  const { given, places, settings } = sort(words, command, options);
  const values: Record<string, unknown> = {};
  const byPlace = placed(places, options, given);
  for (const { key, type, settings: holdsSettings } of options) {
    const place = byPlace.get(key);
    const value = place ?? given.get(key);
    if (holdsSettings) values[key] = settings;
    else if (typeof value === "string") values[key] = read(type, value);
    else if (value !== undefined) values[key] = value;
  }
  const missing = options.filter(({ key, required }) => required && values[key] === undefined);
  if (missing.length > 0) {
    const names = missing.map(nameOf).join(" and ");
    throw new UsageError(`missing argument ${names}\nusage: ${usageOf(command)}`);
  }
  const parsed = command.options.safeParse(values);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const one = options.find(({ key }) => key === issue.path[0]);
      return one
        ? issueText(issue, one, values[one.key], String(byPlace.get(one.key) ?? given.get(one.key)))
        : issue.message;
    });
    throw new UsageError([...new Set(lines)].join("\n"));
  }
  return { options: parsed.data, json: given.get("json") === true };
}
