// Named optimisers: chains in the order of the reference (papers.md 5.2).
import { chain, type Transformation } from "./transformation.js";
import {
  addDecayedWeights,
  clipByGlobalNorm,
  freeze,
  type Patterns,
  patternValue,
  scaleBy,
  scaleByAdam,
  scaleByPattern,
  scaleBySchedule,
  trace,
} from "./transformations.js";

interface Common {
  readonly learningRate: number;
  readonly weightDecay?: number;
  readonly clipNorm?: number;
  readonly weightDecayPatterns?: Patterns;
  readonly learningRatePatterns?: Patterns;
}

export interface SgdConfig extends Common {
  readonly name: "sgd";
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

/**
 * `adam` counts weight decay as the reference chain does: absolute, not multiplied by the learning rate. `adamw` counts
 * it as Loshchilov and Hutter's implementations, PyTorch and timm do: in units of the learning rate. Otherwise alike:
 * decay 0.1 of `adamw` at learning rate 0.001 is decay 0.0001 of `adam` (papers.md 5.2).
 */
export interface AdamConfig extends Common {
  readonly name: "adam" | "adamw";
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

export type OptimizerConfig = SgdConfig | AdamConfig;

/** Frozen parameters left out, then clip, scale, learning rate, per-pattern rates, decay, schedule: the chain a configuration names. */
export function createOptimizer(config: OptimizerConfig, schedule: (step: number) => number): Transformation {
  const { learningRate, weightDecay = 0, clipNorm, weightDecayPatterns, learningRatePatterns } = config;
  return chain(
    freeze((path) => isFrozen(config, path)),
    ...(clipNorm === undefined ? [] : [clipByGlobalNorm(clipNorm)]),
    config.name === "sgd" ? trace(config.momentum ?? 0.9, config.nesterov) : scaleByAdam(config),
    scaleBy(learningRate),
    ...(learningRatePatterns ? [scaleByPattern(learningRatePatterns)] : []),
    ...(weightDecay > 0
      ? [addDecayedWeights(config.name === "adamw" ? weightDecay * learningRate : weightDecay, weightDecayPatterns)]
      : []),
    scaleBySchedule(schedule),
  );
}

/** Is a parameter left as it is (its learning rate multiplied by 0)? Frozen parameters keep no optimiser state. */
export const isFrozen = (config: OptimizerConfig, path: string): boolean =>
  patternValue(config.learningRatePatterns ?? [], path, 1) === 0;

/** Is this a name that a transformation keeps its state of a parameter under, and not a parameter? */
export const isOptimizerState = (name: string): boolean => /^(adam\/[mv]|momentum)\//.test(name);
