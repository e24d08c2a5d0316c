/**
 * Linear probe: a zero-initialised linear layer trained by SGD with momentum 0.9 on softmax cross-entropy. The learning
 * rate is multiplied by 0.1 at 30, 60 and 90 % of the steps (VTAB's protocol, papers.md 4.3 and 4.4). The training step
 * is an ONNX graph. Features are standardised by the training set, as for the ridge.
 */
import { checkFeatures, type Features } from "../../algebra/features.js";
import { gatherRows, grad, input, linear, type NumericArray, reduceMean } from "../../graph/index.js";
import { headScores, type LinearHead } from "../../networks/index.js";
import { softmaxCrossEntropy, targetsOf } from "../../nn/index.js";
import { applyOptimizer, createOptimizer, createSchedule } from "../../optim/index.js";
import { numpyGenerator } from "../../random/numpy-generator.js";
import { compile } from "../../runtime/index.js";
import { standardisation } from "./closed-form-ridge.js";
import type { Evaluator, FitContext } from "./evaluator.js";

/** VTAB's batch size (papers.md 4.3); a smaller training set is one batch. */
const largestBatch = 512;
const momentum = 0.9;
/** Fractions of the steps after which the learning rate drops, and its factors. */
const falls = { at: [0.3, 0.6, 0.9], to: [0.1, 0.01, 0.001] };

/** The settings of one probe. */
export interface ProbeSetting {
  readonly learningRate: number;
  readonly steps: number;
}

/**
 * The two learning rates of VTAB's light sweep (papers.md 4.4). Its schedules of 2,500 and 10,000 steps are for whole
 * networks. On frozen features the loss is convex, and the first is enough.
 */
const probeSettings: readonly ProbeSetting[] = [
  { learningRate: 0.1, steps: 500 },
  { learningRate: 0.01, steps: 500 },
  { learningRate: 0.1, steps: 2500 },
  { learningRate: 0.01, steps: 2500 },
];

export const linearProbe: Evaluator = {
  name: "probe",
  title: "linear probe by SGD",
  settings: probeSettings.map((setting) => ({ ...setting })),
  fit: async ({ features, labels }, classes, setting, context) => {
    checkFeatures("training set", features, labels, classes);
    if (features.rows === 0) throw new Error("the training set has no examples; give at least one of each class");
    const { learningRate = 0.1, steps = 500 } = setting;
    if (!(learningRate > 0)) throw new Error(`probe: learningRate is ${learningRate}; give a number above 0`);
    if (!Number.isInteger(steps) || steps < 1) throw new Error(`probe: steps is ${steps}; give a whole number from 1`);
    const head = await trainProbe(features, labels, classes, { learningRate, steps }, context);
    const options = { threads: context.threads };
    return { head, scores: (queries) => headScores(head, queries, options) };
  },
};

async function trainProbe(
  features: Features,
  labels: ArrayLike<number>,
  classes: number,
  { learningRate, steps }: ProbeSetting,
  { seed, signal, threads }: FitContext,
): Promise<LinearHead> {
  const { rows, columns: width } = features;
  const batchSize = Math.min(largestBatch, rows);
  const { mean, deviation } = standardisation(features);
  const scaled = new Float32Array(rows * width);
  for (let at = 0; at < scaled.length; at++) {
    scaled[at] = (features.data[at]! - mean[at % width]!) / deviation[at % width]!;
  }
  const all = input("features", "float32", [rows, width]);
  const kernel = { name: "head/kernel", tensor: input("head/kernel", "float32", [width, classes]) };
  const bias = { name: "head/bias", tensor: input("head/bias", "float32", [classes]) };
  const index = input("index", "int32", [batchSize]);
  const label = input("label", "int32", [batchSize]);
  const logits = linear(gatherRows(all, index), kernel.tensor, bias.tensor);
  const loss = reduceMean(softmaxCrossEntropy(logits, targetsOf(label, classes)));
  const schedule = createSchedule(
    { decayType: "stair", steps: falls.at.map((share) => Math.floor(share * steps)), mults: falls.to },
    { total: steps },
  );
  const { slots, scalars } = applyOptimizer(
    createOptimizer({ name: "sgd", learningRate, momentum }, schedule),
    [
      { ...kernel, initial: () => new Float32Array(width * classes) },
      { ...bias, initial: () => new Float32Array(classes) },
    ],
    grad(loss, [kernel.tensor, bias.tensor]),
  );
  await using program = await compile(
    {
      state: [all, ...slots.map((slot) => slot.input)],
      functions: {
        step: {
          inputs: [index, label, ...scalars.map((scalar) => scalar.input)],
          outputs: { loss },
          next: Object.fromEntries(slots.map((slot) => [slot.name, slot.next])),
        },
      },
    },
    // Steps are so short that a separate thread would spend more time on messages.
    { inThread: true, threads },
  );
  const state = Object.fromEntries(slots.map((slot) => [slot.name, slot.initial()]));
  await program.writeState({ features: scaled, ...state });
  const draw = batches(rows, batchSize, seed);
  for (let step = 0; step < steps; step++) {
    signal?.throwIfAborted();
    const drawn = draw();
    const given = Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))]));
    await program.step({ index: drawn, label: Int32Array.from(drawn, (row) => labels[row]!), ...given });
  }
  const found = await program.readState([kernel.name, bias.name]);
  return overRawFeatures(found[kernel.name]!, found[bias.name]!, mean, deviation);
}

/**
 * Returns a function that yields the row numbers of successive batches: permutations by `seed`, without the incomplete
 * last batch.
 */
function batches(rows: number, batchSize: number, seed: number): () => Int32Array {
  const random = numpyGenerator(seed);
  let order: number[] = [];
  return () => {
    if (order.length < batchSize) order = random.permutation(rows);
    return Int32Array.from(order.splice(0, batchSize));
  };
}

/** Converts a layer over standardised features to one over raw features. */
function overRawFeatures(
  kernel: NumericArray,
  bias: NumericArray,
  mean: Float64Array,
  deviation: Float64Array,
): LinearHead {
  const width = mean.length;
  const classes = bias.length;
  const out = new Float64Array(width * classes);
  const shifted = Float64Array.from(bias as Float32Array);
  for (let at = 0; at < out.length; at++) {
    const feature = Math.floor(at / classes);
    out[at] = Number(kernel[at]) / deviation[feature]!;
    shifted[at % classes]! -= mean[feature]! * out[at]!;
  }
  return { kind: "linear", width, classes, kernel: out, bias: shifted };
}
