/** The forward functions of a trained network, the same in training and in inference. */
import { input, type Tensor } from "../../graph/index.js";
import { type ModelConfig, model as network, requireClassifier } from "../../models/index.js";
import { type Parameter, Scope } from "../../nn/index.js";
import type { ProgramFunction } from "../../runtime/index.js";
import { logitsOfViews, sidesOfViews, type TestViews } from "./test-views.js";

export interface ForwardConfig {
  readonly model: ModelConfig;
  /** [height, width, channels] of the images. */
  readonly image: readonly [number, number, number];
  /** Images per run. */
  readonly batchSize: number;
  /** Write parameters as constants of the graph (see `ScopeOptions`). Default: false. */
  readonly fixedWeights?: boolean | undefined;
}

export type Representation = ProgramFunction & { readonly outputs: { readonly preLogits: Tensor } };

/** Maps image to the representation preLogits [N, width], with the scope's parameters or new ones. */
export function representation(config: ForwardConfig, scope: Scope): Representation {
  const image = input("image", "float32", [config.batchSize, ...config.image]);
  const { preLogits } = network(scope, image, config.model);
  return { inputs: [image], outputs: { preLogits } };
}

/** Inference functions with their parameters. */
export interface Forward<F> {
  readonly parameters: readonly Parameter[];
  readonly functions: F;
}

export interface ClassifierFunctions {
  /** Maps image (of `sidesOfViews` with test-time augmentation) to logits [N, classes]. */
  readonly classify: ProgramFunction & { readonly outputs: { readonly logits: Tensor } };
  readonly represent: Representation;
}

/** Traces the representation of a network of any family. Throws ShapeError when the model does not fit the images. */
export function onlyRepresentation(config: ForwardConfig): Forward<{ readonly represent: Representation }> {
  const scope = Scope.root({ fixedWeights: config.fixedWeights });
  const represent = representation(config, scope);
  return { parameters: scope.parameters, functions: { represent } };
}

/**
 * Traces a classifier without dropout or other random draws. Throws RangeError when it has no head or does not pool,
 * ShapeError when the model does not fit the images.
 */
export function forwardFunctions(
  config: ForwardConfig & { readonly views?: TestViews | undefined },
): Forward<ClassifierFunctions> {
  const { model, batchSize, views } = config;
  requireClassifier(model);
  const scope = Scope.root({ fixedWeights: config.fixedWeights });
  const image = input("image", "float32", [batchSize, ...config.image]);
  const { logits, preLogits } = network(scope, image, model);
  const viewed = views && input("image", "float32", [batchSize, ...sidesOfViews(config.image, views)]);
  const classify = viewed
    ? { inputs: [viewed], outputs: { logits: logitsOfViews(scope, viewed, model, config.image, views) } }
    : { inputs: [image], outputs: { logits: logits! } };
  return {
    parameters: scope.parameters,
    functions: {
      classify,
      represent: { inputs: [image], outputs: { preLogits } },
    },
  };
}
