/**
 * Reads a recipe file (TypeScript or JavaScript, no build step), applies overrides, and saves the resolved recipe with
 * the run.
 */

import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, normalize, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createJiti } from "jiti";
import { whileDefining } from "../../data/index.js";
import * as data from "../../data/public.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { builtUrl } from "../../files/built-module.js";
import { makeFolder } from "../../files/folder.js";
import * as graph from "../../graph/public.js";
import * as models from "../../models/public.js";
import { resolvedRecipeFile } from "../../networks/index.js";
import * as nn from "../../nn/public.js";
import * as optim from "../../optim/public.js";
import * as runtime from "../../runtime/public.js";
import * as objectives from "../objectives/index.js";
import * as augreg from "./augreg.js";
import { applyOverrides, type Override } from "./overrides.js";
import * as authoring from "./recipe.js";
import { type Recipe, RecipeError, resolveRecipe } from "./recipe.js";

/** What a recipe file gets of `fovea/train`, and of `fovea`: all that recipes are written with. */
const definitions = { ...authoring, ...augreg, ...objectives };

const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Loads a recipe: the default export of a TypeScript file, made by `defineRecipe`, or a resolved recipe saved as JSON.
 *
 * A recipe may import `fovea/train` from any folder, whether inside this package or in a project without it, and other
 * recipes by relative path. Node 20 does not run TypeScript, so jiti strips the types.
 *
 * A path `recipes/NAME.ts` that does not exist names a recipe of the package. The default name is that of the file. Throws RecipeError when the file is missing, does not load, has no default
 * export or is not a valid recipe.
 */
export async function loadRecipe(path: string, overrides: readonly Override[] = []): Promise<Recipe> {
  const file = fileOf(path);
  requireRecipeFile(file, path);
  const input = file.endsWith(".json") ? await readJson(file, path) : await importDefault(file, path);
  const resolved = resolveRecipe(applyOverrides(input, overrides), path);
  return { ...resolved, name: resolved.name ?? basename(file).replace(/\.[cm]?[jt]s$|\.json$/, "") };
}

/** The file of a recipe; `recipes/NAME.ts` is that of the package where the working directory has none. */
function fileOf(path: string): string {
  const file = resolve(path);
  if (existsSync(file) || !normalize(path).startsWith(`recipes${sep}`)) return file;
  const bundled = join(packageRoot, path);
  return existsSync(bundled) ? bundled : file;
}

/** Throws RecipeError for a path that is not a recipe file by its name, since importing it would run its code. */
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

/** Imports a recipe file for what it defines: what a worker thread of the loader does. */
export async function importDefinitions(file: string): Promise<void> {
  await importRecipe(file);
}

async function importRecipe(file: string): Promise<unknown> {
  // What defines the parts of a run is passed as loaded modules: it needs neither an installed package nor a second copy
  // of the engine, to which definitions would be added in vain. The other subpaths resolve to this package wherever the
  // recipe is.
  const jiti = createJiti(pathToFileURL(file).href, {
    interopDefault: false,
    moduleCache: false,
    fsCache: false,
    virtualModules: {
      fovea: definitions,
      "fovea/data": data,
      "fovea/graph": graph,
      "fovea/models": models,
      "fovea/nn": nn,
      "fovea/optim": optim,
      "fovea/runtime": runtime,
      "fovea/train": definitions,
    },
    alias: Object.fromEntries(
      ["analysis", "report"].map((name) => [`fovea/${name}`, join(packageRoot, "dist", name, "public.js")]),
    ),
  });
  const built = builtUrl(import.meta.url, "./load-recipe.js").href;
  return await whileDefining({ importer: built, file }, () => jiti.import(file));
}

async function importDefault(file: string, shown: string): Promise<unknown> {
  let loaded: unknown;
  try {
    loaded = await importRecipe(file);
  } catch (error) {
    throw new RecipeError(`${shown} could not be loaded: ${(error as Error).message}`, { cause: error });
  }
  const found = (loaded as { default?: unknown }).default;
  if (found === undefined) {
    throw new RecipeError(`${shown} has no default export; write \`export default defineRecipe({ ... })\``);
  }
  return found;
}

/**
 * Reads a recipe that `saveRecipe` wrote. Throws RecipeError with the file's name when it is missing, damaged or not a
 * recipe.
 */
export async function readRecipe(file: string): Promise<Recipe> {
  let input: unknown;
  try {
    input = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new RecipeError(
      `${file} cannot be read: ${(error as Error).message}; it holds the settings of a run, so restore a copy of it`,
      { cause: error },
    );
  }
  return resolveRecipe(input, file);
}

/**
 * Saves a resolved recipe atomically in the folder of its run; `fovea train recipe.json` runs it again. Returns the
 * file.
 */
export async function saveRecipe(folder: string, recipe: Recipe): Promise<string> {
  makeFolder(folder);
  const file = join(folder, resolvedRecipeFile);
  await writeFileAtomically(file, [Buffer.from(`${JSON.stringify(recipe, undefined, 2)}\n`)]);
  return file;
}
