/** Parses, checks and formats the arguments of preprocessing ops. */
import { append } from "../../text/arrays.js";
import { didYouMean } from "../../text/nearest.js";

/** A value in the string form. */
export type Literal = number | string | boolean | null | readonly Literal[];

/** The arguments of one op by name, including defaults. */
export type Arguments = Readonly<Record<string, Literal>>;

/** One parameter of an op. */
export interface Parameter {
  readonly name: string;
  /**
   * `integer` and `number` within the limits; `numbers`: one number, or a tuple of one for each channel; `size`: an integer number of pixels or
   * null; `choice`: one of `choices`; `text`: a quoted string; `names`: all remaining arguments.
   */
  readonly type: "integer" | "number" | "numbers" | "size" | "choice" | "text" | "names";
  /** Without a default, the argument is required. */
  readonly default?: Literal;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly choices?: readonly Literal[];
  /** Format in the string form: `always` even if it equals the default, `byPlace` by position although it has a default. */
  readonly written?: "always" | "byPlace";
}

/** A parsed call of an op: positional arguments first, then named ones. */
export interface Call {
  readonly name: string;
  readonly positional: readonly Literal[];
  readonly named: Readonly<Record<string, Literal>>;
}

/**
 * Parses the string form of a pipeline, `op|op(1, key=2)|...`, into calls.
 *
 * Values are numbers, `true`, `false`, `None`, words (quoted or bare) and tuples such as `(48, 64)`.
 * @throws a syntax error with its position in the text.
 */
export function parseCalls(text: string): Call[] {
  let at = 0;
  const fail = (expected: string): never => {
    throw new Error(
      `cannot read the preprocessing "${text}" at character ${at + 1} (${text.slice(at, at + 12) || "its end"}): expected ${expected}`,
    );
  };
  const skip = (): void => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const take = (pattern: RegExp): string | undefined => {
    skip();
    const found = new RegExp(pattern.source, "y");
    found.lastIndex = at;
    const match = found.exec(text);
    if (!match) return undefined;
    at += match[0].length;
    return match[0];
  };
  const value = (): Literal => {
    const number = take(/[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(?![\w.])/);
    if (number !== undefined) return Number(number);
    const quoted = take(/"[^"]*"|'[^']*'/);
    if (quoted !== undefined) return quoted.slice(1, -1);
    const word = take(/[A-Za-z_][\w-]*/);
    if (word !== undefined)
      return /^(true|false)$/i.test(word) ? word.toLowerCase() === "true" : /^(none|null)$/i.test(word) ? null : word;
    const open = take(/[([]/);
    if (open === undefined) return fail("a value");
    const close = open === "(" ? /\)/ : /\]/;
    const items: Literal[] = [];
    while (take(close) === undefined) {
      items.push(value());
      if (take(/,/) === undefined) {
        if (take(close) === undefined) fail(`"," or "${open === "(" ? ")" : "]"}"`);
        break;
      }
    }
    return items;
  };
  const call = (): Call => {
    const name = take(/[A-Za-z_]\w*/) ?? fail("the name of an op");
    const positional: Literal[] = [];
    const named: Record<string, Literal> = {};
    if (take(/\(/) === undefined) return { name, positional, named };
    while (take(/\)/) === undefined) {
      const key = take(/[A-Za-z_]\w*\s*=(?!=)/);
      if (key !== undefined) named[key.replace(/\s*=$/, "")] = value();
      else if (Object.keys(named).length > 0) fail("a named argument (positional ones come first)");
      else positional.push(value());
      if (take(/,/) === undefined) {
        if (take(/\)/) === undefined) fail(`"," or ")"`);
        break;
      }
    }
    return { name, positional, named };
  };
  const calls = [call()];
  while (take(/\|/) !== undefined) calls.push(call());
  skip();
  if (at < text.length) fail(`"|" or the end`);
  return calls;
}

/** Binds a call's arguments to an op's parameters, fills in defaults and checks every value. */
export function bindArguments(call: Call, parameters: readonly Parameter[]): Arguments {
  const bound: Record<string, Literal> = {};
  const rest = parameters.find((p) => p.type === "names");
  const signature = `${call.name}(${parameters.map((p) => (p.type === "names" ? `${p.name}...` : "default" in p ? `${p.name}=${show(p.default!)}` : p.name)).join(", ")})`;
  if (rest) bound[rest.name] = call.positional;
  else if (call.positional.length > parameters.length) {
    throw new Error(`${call.name} was given ${call.positional.length} arguments; it is ${signature}`);
  } else for (const [i, literal] of call.positional.entries()) bound[parameters[i]!.name] = literal;
  for (const [key, literal] of Object.entries(call.named)) {
    if (!parameters.some((p) => p.name === key)) {
      const hint = didYouMean(
        key,
        parameters.map((p) => p.name),
      );
      throw new Error(`${call.name} has no argument "${key}"${hint}; it is ${signature}`);
    }
    if (key in bound) throw new Error(`${call.name} was given "${key}" twice; it is ${signature}`);
    bound[key] = literal;
  }
  for (const parameter of parameters) {
    if (!(parameter.name in bound)) {
      if (parameter.default === undefined)
        throw new Error(`${call.name} needs the argument "${parameter.name}"; it is ${signature}`);
      bound[parameter.name] = parameter.default;
    }
    // The bare word none is a string if it is one of the choices.
    if (bound[parameter.name] === null && parameter.choices?.includes("none")) bound[parameter.name] = "none";
    check(call.name, parameter, bound[parameter.name]!);
    // Normalise minus zero, which would be written as "0" and parsed as another number.
    if (bound[parameter.name] === 0) bound[parameter.name] = 0;
  }
  return bound;
}

/** Formats a call in its shortest string form: required arguments by position, others by name if they differ from the default. */
export function showCall(name: string, parameters: readonly Parameter[], args: Arguments): string {
  const parts: string[] = [];
  let byPlace = true;
  for (const parameter of parameters) {
    const literal = args[parameter.name]!;
    if (parameter.type === "names") {
      append(parts, (literal as readonly Literal[]).map(show));
    } else if (
      parameter.default !== undefined &&
      parameter.written !== "always" &&
      show(literal) === show(parameter.default)
    ) {
      byPlace = false;
    } else {
      byPlace &&= parameter.default === undefined || parameter.written !== undefined;
      parts.push(byPlace ? show(literal) : `${parameter.name}=${show(literal)}`);
    }
  }
  return parts.length === 0 ? name : `${name}(${parts.join(",")})`;
}

function show(literal: Literal): string {
  if (literal === null) return "None";
  if (typeof literal === "string") {
    if (/^[A-Za-z_][\w-]*$/.test(literal) && !/^(true|false|none|null)$/i.test(literal)) return literal;
    return literal.includes('"') ? `'${literal}'` : `"${literal}"`;
  }
  if (Array.isArray(literal)) return `(${literal.map(show).join(",")})`;
  return String(literal);
}

function check(op: string, parameter: Parameter, value: Literal): void {
  const {
    name,
    type,
    minimum = type === "size" ? 1 : Number.NEGATIVE_INFINITY,
    maximum = Number.POSITIVE_INFINITY,
  } = parameter;
  if (value === null && parameter.default === null) return;
  const fail = (expected: string): never => {
    throw new Error(`${op}: "${name}" must be ${expected}, not ${show(value)}`);
  };
  const limits = `${minimum > Number.NEGATIVE_INFINITY ? ` from ${minimum}` : ""}${maximum < Number.POSITIVE_INFINITY ? ` to ${maximum}` : ""}`;
  const within = (x: Literal): boolean => typeof x === "number" && Number.isFinite(x) && x >= minimum && x <= maximum;
  if (type === "number" && !within(value)) fail(`a number${limits}`);
  if (type === "numbers" && !within(value) && !(Array.isArray(value) && value.length > 0 && value.every(within))) {
    fail(`a number${limits}, or a tuple of one for each channel`);
  }
  if (type === "integer" && !(within(value) && Number.isInteger(value))) fail(`a whole number${limits}`);
  if (type === "size" && !(within(value) && Number.isInteger(value))) fail("a size in pixels, a whole number from 1");
  if (type === "choice" && !parameter.choices!.includes(value))
    fail(`one of ${parameter.choices!.map(show).join(", ")}`);
  if (type === "text" && typeof value !== "string") fail("text in quotes");
  if (type === "names" && !(Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === "string")))
    fail("one or more names");
}
