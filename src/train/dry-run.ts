// What a run will cost, before it runs: parameters, FLOPs, memory, steps and time.
import { byteSize } from "../graph/index.js";
import type { ModelConfig } from "../models/index.js";
import { evaluateMatmulRate } from "./matmul-rate.js";
import { openPart } from "./open-part.js";
import { prepareTraining } from "./prepare.js";
import type { Recipe } from "./recipe.js";

export interface DryRun {
  readonly trainingImages: number;
  readonly classes: number;
  readonly parameters: number;
  readonly totalSteps: number;
  readonly epochs: number;
  /** Matrix FLOPs of one optimiser step, forward and backward. */
  readonly flopsPerStep: number;
  readonly totalFlops: number;
  /** What a checkpoint holds: parameters, their averages, and optimiser state, each number in its own precision. */
  readonly stateBytes: number;
  /** Estimate: parameters and optimiser state (twice: the next values too), intermediates, and the runtime itself. */
  readonly memoryBytes: number;
  /** The machine's rate on a 1024 x 1024 product, measured now. */
  readonly matmulGflops: number;
  /** Estimate, at the given share of that rate. */
  readonly expectedSeconds: number;
  readonly assumedRatio: number;
}

// Node, ONNX Runtime and the loader before any model: resident bytes measured on Linux with Node 20.
const baseBytes = 180e6;
// The share of the matmul rate a step reaches: see README, "Speed"; narrow models reach less than wide ones, convolutions
// less than products.
function ratioOf(model: ModelConfig): number {
  if (model.family === "resnet") return 0.5;
  return model.width >= 384 ? 0.75 : model.width >= 192 ? 0.6 : 0.45;
}

/** Traces a recipe's graphs and measures the machine; trains nothing and writes nothing. */
export async function dryRun(recipe: Recipe): Promise<DryRun> {
  const source = await openPart(recipe.data.train, "train");
  try {
    const { plan, objective, training } = await prepareTraining(
      recipe,
      source.length,
      source.classNames.length,
      source.vectorTargets,
    );
    await objective.close?.();
    const { parameterCount, cost, slots } = training;
    const matmulGflops = await evaluateMatmulRate(recipe.threads);
    const assumedRatio = ratioOf(plan.training.model);
    const stateBytes = slots.reduce((total, { input }) => total + byteSize(input), 0);
    const totalFlops = cost.step.flops * plan.totalSteps;
    return {
      trainingImages: source.length,
      classes: source.classNames.length,
      parameters: parameterCount,
      totalSteps: plan.totalSteps,
      epochs: plan.totalSteps / plan.stepsPerEpoch,
      flopsPerStep: cost.step.flops,
      totalFlops,
      stateBytes,
      memoryBytes: baseBytes + cost.step.peakBytes + stateBytes,
      matmulGflops,
      expectedSeconds: totalFlops / (matmulGflops * 1e9 * assumedRatio),
      assumedRatio,
    };
  } finally {
    await source.close();
  }
}
