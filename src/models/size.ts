// How large a Vision Transformer is: parameters and matrix FLOPs, counted on its traced graph; no weight is allocated.
import { costOf, elementCount, input } from "../graph/index.js";
import { Scope } from "../nn/index.js";
import { vitConfig } from "./variants.js";
import { type ViTConfig, vit } from "./vit.js";

export interface ViTSize {
  readonly parameters: number;
  /** Twice the multiply-adds of one image's forward pass, the head included. */
  readonly flops: number;
}

/**
 * Parameters and FLOPs of a model such as "S/16" for square images (224 pixels and 3 channels when left out), with
 * changes to its configuration. Throws RangeError for an unknown name, ShapeError for an image smaller than a patch.
 *
 *     vitSize("B/16", { pooling: "tok" }).parameters; // 86567656
 */
export function vitSize(
  name: string,
  { size = 224, channels = 3, ...changes }: Partial<ViTConfig> & { size?: number; channels?: number } = {},
): ViTSize {
  const scope = Scope.root();
  const image = input("image", "float32", [1, size, size, channels]);
  const { logits, preLogits } = vit(scope, image, vitConfig(name, changes));
  const parameters = scope.parameters.reduce((total, { tensor }) => total + elementCount(tensor.shape), 0);
  return { parameters, flops: costOf([logits ?? preLogits]).flops };
}
