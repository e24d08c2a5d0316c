// The forward functions of a trained classifier, the same in training and in use.
import { input, type Tensor } from "../graph/index.js";
import { type ModelConfig, model as network, requireClassifier } from "../models/index.js";
import { type Parameter, Scope } from "../nn/index.js";
import type { ProgramFunction } from "../runtime/index.js";
import { type LossName, losses, targetsOf } from "./losses.js";

export interface ForwardConfig {
  readonly model: ModelConfig;
  /** [height, width, channels] of the images. */
  readonly image: readonly [number, number, number];
  /** Images a run takes. */
  readonly batchSize: number;
  readonly loss: LossName;
}

export interface ForwardFunctions {
  readonly parameters: readonly Parameter[];
  /** image, label; gives logits [N, classes] and the loss of each image [N]. */
  readonly evaluate: ProgramFunction & { readonly outputs: { readonly logits: Tensor; readonly loss: Tensor } };
  /** image; gives logits [N, classes]. */
  readonly classify: ProgramFunction & { readonly outputs: { readonly logits: Tensor } };
  /** image; gives the representation preLogits [N, width]. */
  readonly represent: ProgramFunction & { readonly outputs: { readonly preLogits: Tensor } };
}

/**
 * Traces a classifier without dropout or other draws, over the parameters given (of a trace in training) or over new
 * ones. Throws RangeError when it has no head or does not pool, ShapeError when the model does not fit the images.
 */
export function forwardFunctions(config: ForwardConfig, parameters: readonly Parameter[] = []): ForwardFunctions {
  const { model, batchSize } = config;
  requireClassifier(model);
  const scope = Scope.root({ parameters });
  const image = input("image", "float32", [batchSize, ...config.image]);
  const label = input("label", "int32", [batchSize]);
  const { logits, preLogits } = network(scope, image, model);
  const loss = losses[config.loss](logits!, targetsOf(label, model.classes));
  return {
    parameters: scope.parameters,
    evaluate: { inputs: [image, label], outputs: { logits: logits!, loss } },
    classify: { inputs: [image], outputs: { logits: logits! } },
    represent: { inputs: [image], outputs: { preLogits } },
  };
}
