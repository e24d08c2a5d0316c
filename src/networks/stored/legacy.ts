/** Describes the network of old checkpoints, which do not contain a description, by the recipe of their run. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { imageShape, type ModelSettings, modelConfig } from "../../models/index.js";
import { CheckpointError, type LoadedCheckpoint } from "./checkpoint.js";
import type { StoredDescription } from "./description.js";
import { evaluationPreprocessing } from "./preprocessing.js";

/** The file of a run that holds its recipe with every default filled in. */
export const resolvedRecipeFile = "recipe.json";

interface RecipePart {
  readonly preprocessing: string;
}

/** The parts of a recipe that are read. */
interface OldRecipe {
  readonly model: ModelSettings;
  readonly data: { readonly train: RecipePart | readonly RecipePart[]; readonly evaluation?: Partial<RecipePart> };
  readonly objective?: { readonly name?: string };
}

/**
 * Describes the network of a checkpoint by the recipe of its run. Throws CheckpointError when the recipe cannot be
 * read.
 */
export async function describeByRecipe(folder: string, { tensors }: LoadedCheckpoint): Promise<StoredDescription> {
  const path = join(folder, resolvedRecipeFile);
  try {
    const { model, data, objective } = JSON.parse(await readFile(path, "utf8")) as OldRecipe;
    const image = imageShape(model);
    const [first] = Array.isArray(data.train) ? (data.train as readonly RecipePart[]) : [data.train as RecipePart];
    const training = first?.preprocessing;
    if (training === undefined) throw new Error("data.train states no preprocessing");
    return {
      // the number of classes comes from the data and is not in the recipe
      config: modelConfig(model, tensors.get("head/kernel")?.shape.at(-1) ?? 0),
      imageShape: image,
      preprocessing: evaluationPreprocessing({ training, evaluation: data.evaluation?.preprocessing }, image),
      loss: objective?.name === "sigmoid" ? "sigmoid" : "softmax",
    };
  } catch (error) {
    throw new CheckpointError(
      `${path} cannot be read, and the checkpoint does not describe its network: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}
