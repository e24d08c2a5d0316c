/** A network with its weights. */
import type { ModelConfig } from "../models/index.js";
import type { ImageSize } from "./describe.js";
import type { WeightsMetadata } from "./descriptions/metadata.js";

/** A parameter of ours: float32, row-major. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A network with its weights. */
export interface Weights {
  readonly config: ModelConfig;
  /** The image size that the parameters are for. Networks without learned positions or token mixing take any. */
  readonly image: ImageSize;
  /** Every parameter of the network by its name, in order of first use. */
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  readonly metadata: WeightsMetadata;
}
