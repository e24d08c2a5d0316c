/** A small Vision Transformer, and the program that trains it. Nothing here knows whether it runs in a browser or on Node. */
import { grad, input, reduceMean, softmax } from "fovea/graph";
import { model, modelConfig } from "fovea/models";
import { initialValue, losses, Scope, targetsOf } from "fovea/nn";
import { applyOptimizer, createOptimizer } from "fovea/optim";
import type { ProgramSource } from "fovea/runtime";
import { classNames, side } from "./drawing.js";

export interface NetworkSize {
  /** Side of the patches, in pixels. */
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Images in a step. */
  readonly batchSize: number;
}

/** The sizes that the page offers. */
export const sizes = {
  tiny: { patchSize: 8, width: 48, depth: 2, heads: 3, batchSize: 16 },
  small: { patchSize: 8, width: 96, depth: 4, heads: 4, batchSize: 32 },
} as const satisfies Record<string, NetworkSize>;

/** The network on a batch of images, its loss, and the gradients of the loss. */
export function network({ batchSize, ...size }: NetworkSize) {
  const scope = Scope.root();
  const images = input("images", "float32", [batchSize, side, side, 3]);
  const labels = input("labels", "int32", [batchSize]);
  const config = modelConfig(
    { name: "vit", imageSize: side, channels: 3, posEmbedding: "sincos2d", ...size },
    classNames.length,
  );
  const { logits } = model(scope, images, config);
  if (!logits) throw new Error("the network has no head");
  const loss = reduceMean(losses.softmax(logits, targetsOf(labels, classNames.length)));
  const { parameters } = scope;
  const gradients = grad(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  return { images, labels, logits, loss, parameters, gradients };
}

export interface Training {
  readonly source: ProgramSource;
  /** Initial values of the parameters and of the optimiser's state. */
  readonly initial: Readonly<Record<string, ReturnType<typeof initialValue>>>;
  /** Inputs of a step that depend on its number, such as the learning rate. */
  scalarsAt(step: number): Record<string, Float32Array>;
  /** Number of the network's weights. */
  readonly weights: number;
}

/**
 * The program: `step` takes images and labels, updates the state and returns the loss and the probabilities before the update; `predict` takes
 * images and returns probabilities [N, classes].
 */
export function training(size: NetworkSize, seed = 0): Training {
  const { images, labels, logits, loss, parameters, gradients } = network(size);
  const warmup = 10;
  const optimizer = createOptimizer({ name: "adam", learningRate: 2e-3 }, (step) => Math.min(1, (step + 1) / warmup));
  const initialOf = (i: number) => () => initialValue(parameters[i]!, seed);
  const { slots, scalars } = applyOptimizer(
    optimizer,
    parameters.map(({ name, tensor }, i) => ({ name, tensor, initial: initialOf(i) })),
    gradients,
  );
  const probabilities = softmax(logits);
  return {
    source: {
      state: slots.map((slot) => slot.input),
      functions: {
        step: {
          inputs: [images, labels, ...scalars.map((scalar) => scalar.input)],
          outputs: { loss, probabilities },
          next: Object.fromEntries(slots.map(({ name, next }) => [name, next])),
        },
        predict: { inputs: [images], outputs: { probabilities } },
      },
    },
    initial: Object.fromEntries(slots.map(({ name, initial }) => [name, initial() as Float32Array])),
    scalarsAt: (step) => Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])),
    weights: parameters.reduce((total, { tensor }) => total + tensor.shape.reduce((a, b) => a * b, 1), 0),
  };
}
