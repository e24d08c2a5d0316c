/** Opens the images a recipe trains on or evaluates with. */

import { concat, type ImageSource, type LoaderPart, openSource } from "../../data/index.js";
import { closeOnError } from "../../files/closable.js";
import { type Recipe, type RecipePart, trainingParts } from "../recipe/recipe.js";

/**
 * Opens the source of a part of a recipe. If neither the part nor its source specifies a split, the training or test
 * split is used; a source without splits is used whole. Throws what `openSource` throws.
 */
export async function openPart(part: RecipePart, purpose: "train" | "evaluation"): Promise<ImageSource> {
  const { source, split } = part;
  if (split !== undefined) return openSource(source, { split });
  if (purpose === "train" || /[?&]split=/.test(source)) return openSource(source);
  try {
    return await openSource(source, { split: "test" });
  } catch (error) {
    const whole = await openSource(source).catch(() => undefined);
    if (whole?.split === "all") return whole;
    await whole?.close();
    throw error;
  }
}

/** The opened training data of a recipe. */
export interface OpenedTraining {
  /** All training data as one source, with its classes and number of examples. The caller closes it. */
  readonly source: ImageSource;
  /** The parts that a loader mixes. */
  readonly parts: readonly LoaderPart[];
}

/**
 * Opens the training data of a recipe, or uses an opened source instead. Throws what `openSource` throws, after closing
 * what was opened.
 */
export async function openTrainingData(recipe: Pick<Recipe, "data">, given?: ImageSource): Promise<OpenedTraining> {
  const wanted = trainingParts(recipe);
  if (given) return { source: given, parts: [{ source: given, preprocessing: wanted[0]!.preprocessing }] };
  const { mergeClasses } = recipe.data;
  const sources: ImageSource[] = [];
  const parts: LoaderPart[] = [];
  await closeOnError(sources, async () => {
    for (const part of wanted) {
      const { preprocessing, weight } = part;
      const source = await openPart(part, "train");
      sources.push(source);
      parts.push({ source, preprocessing, weight });
    }
  });
  return { source: sources.length === 1 ? sources[0]! : concat(sources, { mergeClasses }), parts };
}
