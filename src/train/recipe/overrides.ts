/** Sets single values of a recipe from the command line: `--optimizer.learningRate=3e-4`, `--model.depth 4`. */
import { z } from "zod";
import { didYouMean, nearest } from "../../text/nearest.js";
import { RecipeError, recipeSchema } from "./recipe.js";
import { isDuration, leafPaths, schemasAt } from "./schema.js";

/** One value for one dotted path, as text. */
export interface Override {
  path: string;
  value: string;
}

/**
 * Parses `--path=value`, `--path value` and `--flag` (which means true) from command-line arguments.
 *
 * Throws RecipeError for an argument that belongs to no path.
 */
export function parseOverrides(words: readonly string[]): Override[] {
  const overrides: Override[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!/^--[^-=]/.test(word)) {
      throw new RecipeError(`"${word}": expected a setting such as --optimizer.learningRate=3e-4`);
    }
    const equals = word.indexOf("=");
    if (equals >= 0) {
      overrides.push({ path: word.slice(2, equals), value: word.slice(equals + 1) });
    } else {
      const next = words[i + 1];
      const takesNext = next !== undefined && !next.startsWith("--");
      overrides.push({ path: word.slice(2), value: takesNext ? next : "true" });
      if (takesNext) i++;
    }
  }
  return overrides;
}

type Settings = Record<string, unknown>;

function isObject(value: unknown): value is Settings {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** The setting that was probably meant: the path's last part alone, its words joined by dashes, or a misspelt path. */
export function nearestPath(path: string): string | undefined {
  const known = leafPaths(recipeSchema);
  const camel = path.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  const endings = known.filter((one) => one === camel || one.endsWith(`.${camel}`));
  if (endings.length > 0) return endings[0];
  const whole = nearest(camel, known);
  if (whole !== undefined) return whole;
  const last = camel.split(".").at(-1)!;
  const meant = nearest(
    last,
    known.map((one) => one.split(".").at(-1)!),
  );
  return meant === undefined ? undefined : known.find((one) => one.split(".").at(-1) === meant);
}

function unknownPath(path: string, recipe: unknown): RecipeError {
  // The setting belongs to another variant (momentum with AdamW).
  if (leafPaths(recipeSchema).includes(path)) {
    const parent = path.split(".").slice(0, -1);
    const name = parent.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), recipe);
    const selected = isObject(name) ? (name["name"] ?? name["kind"]) : undefined;
    const chosen = typeof selected === "string" ? ` "${selected}"` : "";
    return new RecipeError(`--${path}: not a setting of the ${parent.join(".")}${chosen} this recipe uses`);
  }
  const meant = nearestPath(path);
  return new RecipeError(`--${path}: unknown recipe setting${meant === undefined ? "" : `; did you mean --${meant}?`}`);
}

/**
 * Parses the text of a value: as JSON if that fits the schema, otherwise as the text itself. Throws RecipeError when
 * neither fits.
 */
function valueFor(override: Override, schemas: readonly z.core.$ZodType[]): unknown {
  const json = parseJson(override.value);
  const candidates = json ? [json.value, override.value] : [override.value];
  // An object is completed and checked with the whole recipe, where its errors have paths.
  if (json && isObject(json.value)) return json.value;
  for (const candidate of candidates) {
    if (schemas.some((schema) => z.safeParse(schema, candidate).success)) return candidate;
  }
  throw new RecipeError(`--${override.path}=${override.value}: ${problemWith(candidates[0], schemas)}`);
}

function problemWith(value: unknown, schemas: readonly z.core.$ZodType[]): string {
  const literals = schemas
    .flatMap((schema) => (schema instanceof z.ZodLiteral ? [...schema.values].map(String) : []))
    // user-defined parts are chosen in a recipe file only
    .filter((name) => name !== "custom");
  if (literals.length > 0) return `expected one of ${literals.join(", ")}${didYouMean(String(value), literals)}`;
  return z.safeParse(schemas[0]!, value).error?.issues[0]?.message ?? "not a value that fits";
}

function applyOne(recipe: Settings, override: Override): void {
  const keys = override.path.split(".");
  const last = keys.pop()!;
  let at: Settings = recipe;
  for (const [depth, key] of keys.entries()) {
    const schemas = schemasAt(recipeSchema, keys.slice(0, depth + 1), recipe);
    if (schemas.length === 0) throw unknownPath(override.path, recipe);
    if (at[key] === undefined) {
      // A missing section starts from its default, so that changing one value keeps the others.
      const whole = schemas[0]!;
      const initial = whole instanceof z.ZodDefault ? whole.def.defaultValue : {};
      at[key] = isObject(initial) ? structuredClone(initial) : {};
    }
    const next = at[key];
    if (!isObject(next)) throw unknownPath(override.path, recipe);
    if (depth === keys.length - 1 && schemas.some(isDuration)) for (const unit of Object.keys(next)) delete next[unit];
    at = next;
  }
  if (override.value === "null" && Object.hasOwn(at, last)) {
    delete at[last];
    return;
  }
  const schemas = schemasAt(recipeSchema, [...keys, last], recipe);
  if (schemas.length === 0) throw unknownPath(override.path, recipe);
  if (override.value === "null") return;
  at[last] = valueFor(override, schemas);
}

/**
 * Returns a copy of a recipe's settings with values replaced, in the order given. Names that select a variant are
 * applied first, so that the variant's own settings are valid. `null` removes a setting; an array or object is written
 * as JSON; one unit of a duration replaces another.
 *
 * Throws RecipeError for a path that a recipe does not have (with the nearest one) and for a value that does not fit.
 *
 * @example applyOverrides(recipe, parseOverrides(["--optimizer.learningRate=3e-4", "--model.depth", "4"]));
 */
export function applyOverrides(recipe: unknown, overrides: readonly Override[]): unknown {
  if (overrides.length === 0 || !isObject(recipe)) return recipe;
  const copy = structuredClone(recipe);
  const selects = ({ path }: Override) => /\.(name|kind)$/.test(path);
  for (const override of [...overrides.filter(selects), ...overrides.filter((one) => !selects(one))]) {
    applyOne(copy, override);
  }
  return copy;
}
