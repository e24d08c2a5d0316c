/** Opens the images a recipe trains on or evaluates with. */

import { concat, type ImageSource, type LoaderPart, openSource } from "../../data/index.js";
import { closeOnError } from "../../files/closable.js";
import { type Recipe, type RecipePart, trainingParts } from "../recipe/recipe.js";

/**
 * The source of a part of a recipe. Where neither the part nor its source names a split, that is the training split or
 * the test split; a source without splits is taken whole. Throws what `openSource` throws.
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

/** What a recipe trains on. */
export interface OpenedTraining {
  /** All of it as one source: its classes and its number of examples. To be closed. */
  readonly source: ImageSource;
  /** What a loader mixes. */
  readonly parts: readonly LoaderPart[];
}

/** Opens what a recipe trains on, or takes a source in place of it. Throws what `openSource` throws; nothing is left open then. */
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
