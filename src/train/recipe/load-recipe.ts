/** Reads a recipe file (TypeScript or JavaScript, no build step), applies overrides, and saves what was resolved beside the run. */

import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createJiti } from "jiti";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { resolvedRecipeFile } from "../../networks/index.js";
import * as augreg from "./augreg.js";
import { applyOverrides, type Override } from "./overrides.js";
import * as authoring from "./recipe.js";
import { type Recipe, RecipeError, resolveRecipe } from "./recipe.js";

const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Loads a recipe: the default export of a TypeScript file, made by `defineRecipe`, or a resolved recipe saved as JSON.
 *
 * A recipe may import `fovea/train` from anywhere, inside this package or outside a project that installed it, and other recipes by relative path.
 * Node 20 runs no TypeScript of its own, so jiti strips the types.
 *
 * The name is the file's where the recipe gives none. Throws RecipeError when the file is missing, does not load, has no default export or is not a valid recipe.
 */
export async function loadRecipe(path: string, overrides: readonly Override[] = []): Promise<Recipe> {
  const file = resolve(path);
  requireRecipeFile(file, path);
  const input = file.endsWith(".json") ? await readJson(file, path) : await importDefault(file, path);
  const resolved = resolveRecipe(applyOverrides(input, overrides), path);
  return { ...resolved, name: resolved.name ?? basename(file).replace(/\.[cm]?[jt]s$|\.json$/, "") };
}

/** Throws RecipeError for what is no recipe by its name: importing it would run whatever code is there. */
function requireRecipeFile(file: string, shown: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) throw new RecipeError(`no recipe at ${shown}; give the path of a recipe file (recipes/*.ts)`);
  if (!found.isFile()) {
    const inside = existsSync(join(file, resolvedRecipeFile)) ? `, such as ${join(shown, resolvedRecipeFile)}` : "";
    throw new RecipeError(`${shown} is a folder; give the path of a recipe file (recipes/*.ts)${inside}`);
  }
  if (!/\.([cm]?[jt]s|json)$/.test(file)) {
    throw new RecipeError(
      `${shown} is not a recipe file: expected a name that ends in .ts, .mts, .cts, .js, .mjs, .cjs or .json`,
    );
  }
}

async function readJson(file: string, shown: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as unknown;
  } catch (error) {
    throw new RecipeError(`${shown} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function importDefault(file: string, shown: string): Promise<unknown> {
  // Given as a ready object, `fovea/train` needs neither an installed package nor a second copy of the engine;
  // the other parts are found in this package wherever the recipe stands.
  const jiti = createJiti(pathToFileURL(file).href, {
    interopDefault: false,
    moduleCache: false,
    fsCache: false,
    virtualModules: { "fovea/train": { ...authoring, ...augreg } },
    alias: { fovea: join(packageRoot, "dist") },
  });
  let loaded: unknown;
  try {
    loaded = await jiti.import(file);
  } catch (error) {
    throw new RecipeError(`${shown} could not be loaded: ${(error as Error).message}`, { cause: error });
  }
  const found = (loaded as { default?: unknown }).default;
  if (found === undefined) {
    throw new RecipeError(`${shown} has no default export; write \`export default defineRecipe({ ... })\``);
  }
  return found;
}

/** Reads a recipe that `saveRecipe` wrote. Throws RecipeError naming the file when it is missing, damaged or not a recipe. */
export async function readRecipe(file: string): Promise<Recipe> {
  let input: unknown;
  try {
    input = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new RecipeError(
      `${file} cannot be read: ${(error as Error).message}. It states the settings of a run; put back a copy of it`,
      { cause: error },
    );
  }
  return resolveRecipe(input, file);
}

/** Saves a resolved recipe in the folder of its run, whole or not at all; `fovea train recipe.json` runs it again. Returns the file. */
export async function saveRecipe(folder: string, recipe: Recipe): Promise<string> {
  makeFolder(folder);
  const file = join(folder, resolvedRecipeFile);
  await writeFileAtomically(file, [Buffer.from(`${JSON.stringify(recipe, undefined, 2)}\n`)]);
  return file;
}
