/** Describes the options of a command as data, from which help, parsing and `docs/cli.md` are derived. */
import { z } from "zod";
import type { Command } from "./command.js";
import { metaOf, type OptionMeta } from "./options.js";

type Schema = z.core.$ZodType;

/** The description of an option. */
export interface OptionDescription extends OptionMeta {
  /** Its name in the options of the command, `imageSize`. */
  readonly key: string;
  /** Its name on the command line without dashes, `image-size`. */
  readonly flag: string;
  /** The type of its value, without optional and default. */
  readonly type: Schema;
  /** Placeholder of its value, `FOLDER` or `cpu|webgpu`; the name of an argument in capitals; undefined for a flag. */
  readonly placeholder: string | undefined;
  readonly required: boolean;
  /** Undefined if there is none or the command computes it. */
  readonly default: unknown;
  readonly description: string;
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The type within optional and default. */
export function bare(schema: Schema): Schema {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? bare(schema.def.innerType) : schema;
}

function placeholderOf(type: Schema): string {
  const { hint } = metaOf(type);
  if (hint !== undefined) return hint;
  if (type instanceof z.ZodEnum) return type.options.join("|");
  if (type instanceof z.ZodLiteral) return [...type.values].join("|");
  if (type instanceof z.ZodArray) return `${placeholderOf(type.element)},...`;
  if (type instanceof z.ZodTuple) return type.def.items.map(placeholderOf).join(",");
  if (type instanceof z.ZodUnion) return type.options.map(placeholderOf).join("|");
  if (type instanceof z.ZodNumber) return type.isInt ? "N" : "X";
  return "NAME";
}

/** Describes the expected value for an error message: `a whole number of at least 1`. */
export function expectationOf(type: Schema): string {
  if (type instanceof z.ZodEnum) return alternatives(type.options.map(String));
  if (type instanceof z.ZodLiteral) return alternatives([...type.values].map(String));
  if (type instanceof z.ZodArray) return `${many(expectationOf(bare(type.element)))}, separated by commas`;
  if (type instanceof z.ZodTuple) return type.def.items.map(placeholderOf).join(",");
  if (type instanceof z.ZodUnion) return type.options.map(expectationOf).join(" or ");
  if (!(type instanceof z.ZodNumber)) return "text";
  const what = type.isInt ? "a whole number" : "a number";
  const { minValue, maxValue } = type;
  const least = minValue !== null && Number.isFinite(minValue) && minValue > Number.MIN_SAFE_INTEGER;
  const most = maxValue !== null && Number.isFinite(maxValue) && maxValue < Number.MAX_SAFE_INTEGER;
  if (least && most) return `${what} from ${minValue} to ${maxValue}`;
  return least ? `${what} of at least ${minValue}` : what;
}

/** "a, b or c". */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

const many = (expectation: string): string =>
  expectation.startsWith("a ") ? expectation.slice(2).replace(/^(whole number|number|text)/, "$1s") : expectation;

function describe(key: string, schema: Schema): OptionDescription {
  const meta = metaOf(schema);
  const type = bare(schema);
  const flag = kebab(key);
  const named = meta.hint ?? placeholderOf(type);
  return {
    ...meta,
    key,
    flag,
    type,
    placeholder: type instanceof z.ZodBoolean ? undefined : meta.positional ? flag.toUpperCase() : named,
    required: !(schema instanceof z.ZodOptional || schema instanceof z.ZodDefault),
    default: schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined,
    description: meta.description ?? "",
  };
}

/** The options of a command, in its order. */
export function describeOptions(command: Command): readonly OptionDescription[] {
  return Object.entries(command.options.shape).map(([key, schema]) => describe(key, schema));
}

/** The line of usage: the command, its arguments in capitals, and `[OPTIONS]`. */
export function usageOf(command: Command): string {
  const words = describeOptions(command).flatMap((one) => {
    const { positional, placeholder = "", required, type } = one;
    if (!positional) return required ? [`--${one.flag} ${placeholder}`] : [];
    const name = type instanceof z.ZodArray ? `${placeholder}...` : placeholder;
    return [required ? name : `[${name}]`];
  });
  return ["fovea", command.name, ...words, "[OPTIONS]"].join(" ");
}
