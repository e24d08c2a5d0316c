/** `fovea train`: trains by a recipe, or estimates the cost. */
import { parseBytes } from "../text/parse-bytes.js";
import { command } from "./command.js";
import { argument, file, folder, option, settings } from "./options.js";
import { trainingLines, trainingOptions, trainingResult, wasInterrupted } from "./training.js";

export default command({
  name: "train",
  summary: "Train by a recipe; any setting can be changed as --path.to.setting=value",
  options: {
    recipe: argument(
      file,
      "Recipe file, or recipe.json of an earlier run; recipes/NAME.ts is the package's where the working directory has no such file",
    ),
    output: option(folder.optional(), "Folder of the run (default: runs/ and the name of the recipe)"),
    ...trainingOptions,
    settings,
  },
  examples: [
    { run: "fovea train recipes/fashion-mnist.ts", does: "train, with progress on the terminal" },
    { run: "fovea train recipes/fashion-mnist.ts --dry-run", does: "what it would cost" },
    {
      run: "fovea train recipes/fashion-mnist.ts --optimizer.learningRate=3e-4 --model.depth 4",
      does: "with settings changed",
    },
    { run: "fovea train recipes/fashion-mnist.ts --resume", does: "resume after an interruption" },
  ],
  stopping: "stopping after this step",
  distributed: ({ dryRun }) => !dryRun,
  result: trainingResult,
  async run({ recipe, output, memory, dryRun: dry, resume, overwrite, settings }, io) {
    const { dryRun, launchTraining, loadRecipe } = await import("../train/index.js");
    const folder = output === undefined ? [] : [{ path: "output", value: output }];
    const load = () => loadRecipe(recipe, [...settings, ...folder]);
    const limit = memory === undefined ? undefined : parseBytes(memory);
    if (dry) return await dryRun(await load(), { memory: limit });
    return await launchTraining(load, { resume, overwrite, memory: limit, ...io });
  },
  text: trainingLines,
  failed: wasInterrupted,
});
