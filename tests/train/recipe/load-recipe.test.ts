/** Loading recipes: TypeScript inside and outside of the package, forks, JSON beside a run, and what is refused. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { loadRecipe, saveRecipe } from "../../../src/train/recipe/load-recipe.js";
import { parseOverrides } from "../../../src/train/recipe/overrides.js";
import { defineRecipe, type RecipeInput, resolveRecipe } from "../../../src/train/recipe/recipe.js";

const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));

const small: RecipeInput = defineRecipe({
  model: { name: "vit", patchSize: 4, width: 32, depth: 2, heads: 2, imageSize: 28, channels: 1 },
  data: { train: { source: "somewhere", preprocessing: "decode|value_range(-1,1)" } },
  total: { epochs: 2 },
  optimizer: { name: "adamw", learningRate: 1e-3 },
});

const made: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fovea-recipe-"));
  made.push(path);
  return path;
}
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true });
});

describe("loading", () => {
  const text = (extra = "") => `
    import { defineRecipe, type RecipeInput } from "fovea/train";
    ${extra}
    const rate: number = 2e-3 satisfies number;
    export default defineRecipe(${JSON.stringify(small)} as RecipeInput);
  `;

  test("a TypeScript recipe outside the package, importing fovea/train by name", async () => {
    const file = join(folder(), "my-run.ts");
    writeFileSync(file, text());
    const recipe = await loadRecipe(file, parseOverrides(["--seed=3"]));
    expect(recipe).toEqual({ ...resolveRecipe(small), seed: 3, name: "my-run" });
  });

  test("a recipe may import from fovea and from every subpath, wherever it is", async () => {
    const { exports } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
      exports: Record<string, unknown>;
    };
    const subpaths = Object.keys(exports).filter((path) => path !== "." && path !== "./package.json");
    const file = join(folder(), "all.ts");
    const imports = subpaths.map((path, i) => `import * as module${i} from "fovea/${path.slice(2)}";`);
    writeFileSync(
      file,
      `import { defineModel } from "fovea/models";
      import { defineRecipe } from "fovea";
      ${imports.join("\n")}
      const empty = [${subpaths.map((_, i) => `module${i}`)}].filter((one) => Object.keys(one).length === 0);
      if (empty.length > 0 || !defineModel) throw new Error("a subpath exports nothing");
      export default defineRecipe(${JSON.stringify(small)});`,
    );
    expect((await loadRecipe(file)).name).toBe("all");
  });

  test("a recipe that forks another", async () => {
    const at = folder();
    writeFileSync(join(at, "base.ts"), text());
    writeFileSync(
      join(at, "fork.ts"),
      'import { defineRecipe } from "fovea/train";\nimport base from "./base.js";\nexport default defineRecipe({ ...base, seed: 7 });\n',
    );
    expect(await loadRecipe(join(at, "fork.ts"))).toMatchObject({ name: "fork", seed: 7, total: { epochs: 2 } });
  });

  test("recipes/NAME.ts is the package's, where the working directory has none", async () => {
    const before = process.cwd();
    const at = folder();
    try {
      process.chdir(at);
      expect(await loadRecipe("recipes/bit.ts")).toEqual(await loadRecipe(`${packageRoot}recipes/bit.ts`));
      await expect(loadRecipe("bit.ts")).rejects.toThrow(/no recipe at bit\.ts/);
      await expect(loadRecipe("recipes/none.ts")).rejects.toThrow(/no recipe at recipes\/none\.ts/);
      mkdirSync(join(at, "recipes"));
      writeFileSync(join(at, "recipes/bit.ts"), text());
      expect((await loadRecipe("recipes/bit.ts")).model).toMatchObject({ name: "vit" });
    } finally {
      process.chdir(before);
    }
  });

  test("an edited recipe is read again, not remembered", async () => {
    const file = join(folder(), "r.ts");
    writeFileSync(file, text());
    await loadRecipe(file);
    writeFileSync(file, text().replace('"depth":2', '"depth":3'));
    expect((await loadRecipe(file)).model).toMatchObject({ depth: 3 });
  });

  test("the same source runs in a plain Node process, without a build of this package", () => {
    const at = folder();
    writeFileSync(join(at, "r.ts"), text());
    const load = fileURLToPath(new URL("../../../src/train/recipe/load-recipe.ts", import.meta.url));
    const jiti = fileURLToPath(new URL("../../../node_modules/jiti/lib/jiti.mjs", import.meta.url));
    const script = `import { createJiti } from ${JSON.stringify(jiti)};
      const { loadRecipe } = await createJiti(import.meta.url).import(${JSON.stringify(load)});
      console.log((await loadRecipe(${JSON.stringify(join(at, "r.ts"))})).name);`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect([stderr, stdout]).toEqual(["", "r\n"]);
  });

  test("saved beside a run, it is JSON that loads again", async () => {
    const at = join(folder(), "runs", "one");
    const recipe = { ...resolveRecipe(small), name: "one" };
    const file = await saveRecipe(at, recipe);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(recipe);
    expect(await loadRecipe(file)).toEqual(recipe);
  });

  test.each([
    ["missing.ts", undefined, /no recipe at .*missing\.ts; give the path/],
    ["empty.ts", "export const a = 1;\n", /no default export; write `export default defineRecipe/],
    ["broken.ts", "export default {\n", /could not be loaded: /],
    ["throws.ts", 'throw new Error("on purpose");\n', /could not be loaded: on purpose/],
    ["wrong.ts", "export default { seeds: 1 };\n", /\n {2}seeds: unknown key; did you mean "seed"/],
    ["bad.json", "{", /is not JSON/],
    ["photo.jpg", "", /is not a recipe file: expected a name that ends in \.ts/],
  ])("says what is wrong with %s", async (name, content, message) => {
    const at = folder();
    mkdirSync(at, { recursive: true });
    if (content !== undefined) writeFileSync(join(at, name), content);
    await expect(loadRecipe(join(at, name))).rejects.toThrow(message);
  });

  test("runs no code of a folder", async () => {
    const at = folder();
    const ran = join(at, "ran");
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "index.js"), `require("node:fs").writeFileSync(${JSON.stringify(ran)}, "");\n`);
    await expect(loadRecipe(at)).rejects.toThrow(/ is a folder; give the path of a recipe file \(recipes\/\*\.ts\)$/);
    expect(existsSync(ran)).toBe(false);
    await saveRecipe(at, resolveRecipe(small));
    await expect(loadRecipe(at)).rejects.toThrow(`, such as ${join(at, "recipe.json")}`);
  });
});
