// Opens the images a recipe trains on or evaluates with.
import { type ImageSource, openSource } from "../data/index.js";
import type { Recipe } from "./recipe.js";

/**
 * The source of a part of a recipe. Where neither the part nor its source names a split, that is the training split or
 * the test split; a source without splits is taken whole. Throws what `openSource` throws.
 */
export async function openPart(part: Recipe["data"]["train"], purpose: "train" | "evaluation"): Promise<ImageSource> {
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
