/** What studies read from the Vision Transformers of a scale. */
import type { Model } from "./scale.js";

export type ViTModel = Extract<Model, { name: "vit" }>;

/** Side of the patches in pixels; published variants state it in their names, such as "B/16". Throws for a model without patches. */
export function patchSizeOf(model: Model): number {
  const { patchSize, variant = "" } = model as ViTModel;
  const side = patchSize ?? Number(variant.split("/")[1]);
  if (Number.isInteger(side)) return side;
  throw new Error(`the model ${model.name} ${variant} states no size of patches; set patchSize`);
}
