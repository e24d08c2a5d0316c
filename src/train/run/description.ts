/** What the checkpoints of a run state of the network it trains. */
import { evaluationPreprocessing, type Json, storedDescription } from "../../networks/index.js";
import { objectiveKind } from "../objectives/index.js";
import type { RunPlan } from "../plan/plan.js";
import { type Recipe, trainingParts } from "../recipe/recipe.js";

/** The description; undefined for images of other than 1 or 3 channels, which no image file gives. */
export function describeTrained(recipe: Recipe, { training: { model, image } }: RunPlan): Json | undefined {
  if (image[2] !== 1 && image[2] !== 3) return undefined;
  const [first] = trainingParts(recipe);
  return storedDescription({
    config: model,
    imageShape: image,
    preprocessing: evaluationPreprocessing(
      { training: first?.preprocessing ?? "", evaluation: recipe.data.evaluation?.preprocessing },
      image,
    ),
    loss: objectiveKind(recipe.objective).probabilities ?? "softmax",
  });
}
