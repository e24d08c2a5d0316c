/** `fovea settings`: the settings of a recipe, from its JSON schema (assets/recipe.schema.json). */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { didYouMean } from "../text/nearest.js";
import { wrap } from "../text/wrap.js";
import { command, UsageError } from "./command.js";
import { argument, text } from "./options.js";
import * as json from "./results.js";

const setting = z.object({
  path: json.text,
  type: json.text,
  default: z.unknown().optional(),
  description: json.text.optional(),
  variants: json.list(json.text).describe("the names of the models, optimisers, ... that have it; empty for all"),
});
type Setting = z.output<typeof setting>;

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

function typeOf(schema: JsonSchema): string {
  const { const: only, enum: choices, anyOf, oneOf, prefixItems, items, type } = schema;
  if (only !== undefined) return JSON.stringify(only);
  if (choices) return choices.map((one) => JSON.stringify(one)).join(" or ");
  if (anyOf ?? oneOf) return [...new Set((anyOf ?? oneOf ?? []).map(typeOf))].join(" or ");
  if (prefixItems) return `[${prefixItems.map(typeOf).join(", ")}]`;
  if (type === "array") return `list of ${typeof items === "object" ? typeOf(items) : "values"}`;
  if (type === "integer") return "whole number";
  return type === undefined ? "any" : String(type).replace("string", "text");
}

/** Lists the settings below a schema in its order; settings of a variant carry the name of the variant. */
function* settingsOf(schema: JsonSchema, path: string, variants: readonly string[]): Generator<Setting> {
  for (const one of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    const tag = one.properties?.["name"]?.const ?? one.properties?.["kind"]?.const;
    yield* settingsOf(one, path, typeof tag === "string" ? [...variants, tag] : variants);
  }
  if (typeof schema.items === "object") yield* settingsOf(schema.items, path, variants);
  for (const [key, one] of Object.entries(schema.properties ?? {})) {
    const inner = path === "" ? key : `${path}.${key}`;
    yield { path: inner, type: typeOf(one), default: one.default, description: one.description, variants };
    yield* settingsOf(one, inner, variants);
  }
}

/** Merges equal settings of several variants; a setting that selects a variant has all names as its type. */
function joined(settings: Iterable<Setting>): Setting[] {
  const found = new Map<string, Setting>();
  for (const one of settings) {
    const selects = isSelector(one.path) && one.type.startsWith('"');
    const { path, type, description } = one;
    const key = selects ? path : JSON.stringify([path, type, one.default, description]);
    const known = found.get(key);
    const types = selects && known ? [...new Set([...known.type.split(" or "), type])].join(" or ") : type;
    const variants = selects ? [] : [...new Set([...(known?.variants ?? []), ...one.variants])];
    found.set(key, { ...one, type: types, variants });
  }
  const all = [...found.values()];
  const selectors = all.filter(({ path }) => isSelector(path));
  return all.map((one) => ({ ...one, variants: someOf(one, selectors) }));
}

const isSelector = (path: string): boolean => /(^|\.)(name|kind)$/.test(path);

/** Lists the variants that a setting belongs to; empty when it belongs to all variants of its object. */
function someOf({ path, variants }: Setting, selectors: readonly Setting[]): readonly string[] {
  const complete = selectors
    .filter((selector) => path.startsWith(selector.path.replace(/(name|kind)$/, "")))
    .map(({ type }) => type.split(" or ").map((choice) => choice.replaceAll('"', "")))
    .filter((choices) => choices.every((choice) => variants.includes(choice)));
  return variants.filter((variant) => !complete.some((choices) => choices.includes(variant)));
}

/** All settings of a recipe. */
export function recipeSettings(): readonly Setting[] {
  const schema: unknown = JSON.parse(readFileSync(new URL("../../assets/recipe.schema.json", import.meta.url), "utf8"));
  return joined(settingsOf(schema as JsonSchema, "", []));
}

export default command({
  name: "settings",
  summary: "List the settings of a recipe: types, defaults, descriptions",
  details:
    "A setting is changed with `fovea train RECIPE --path.to.setting=value`. assets/recipe.schema.json is the JSON schema of a recipe.",
  options: {
    path: argument(
      text.optional(),
      "Only this setting and those below it, such as optimizer or model.stem (default: all)",
    ),
  },
  examples: [
    { run: "fovea settings", does: "every setting" },
    { run: "fovea settings optimizer", does: "the settings of the optimisers" },
    { run: "fovea settings schedule.warmup --json", does: "one setting and those below it, as JSON" },
  ],
  result: z.object({ settings: json.list(setting) }),
  async run({ path }) {
    const all = recipeSettings();
    const settings = all.filter((one) => path === undefined || one.path === path || one.path.startsWith(`${path}.`));
    if (settings.length === 0 && path !== undefined) {
      const meant = didYouMean(
        path,
        all.map((one) => one.path),
      );
      throw new UsageError(`PATH: a recipe has no setting "${path}"${meant || "; `fovea settings` lists all"}`);
    }
    return { settings };
  },
  text: ({ settings }) =>
    settings.flatMap(({ path, type, default: standard, description, variants }) => {
      const value = standard === undefined ? "" : ` (default: ${JSON.stringify(standard)})`;
      const of = variants.length === 0 ? "" : `; of ${variants.join(", ")}`;
      return [
        ...wrap(`${path}: ${type}${value}${of}`, 100).map((line, i) => (i === 0 ? line : `    ${line}`)),
        ...wrap(description ?? "", 96).map((line) => `    ${line}`),
      ];
    }),
});
