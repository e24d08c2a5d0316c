/** Named optimisers: chains in the order of the reference (papers.md 5.2). */
import { unknownName } from "../text/nearest.js";
import { type AdafactorOptions, scaleByAdafactor } from "./adafactor.js";
import { type CustomOptimizer, customTransformation } from "./custom.js";
import { type MomentumDType, requireMomentumDType } from "./momentum.js";
import type { Schedule } from "./schedules.js";
import { chain, type Transformation } from "./transformation.js";
import {
  addDecayedWeights,
  addL2Penalty,
  addL2PenaltyToInitial,
  clipByGlobalNorm,
  freeze,
  type Patterns,
  patternValue,
  type SchedulePatterns,
  scaleBy,
  scaleByAdam,
  scaleByPattern,
  scaleBySchedule,
  trace,
} from "./transformations.js";

interface Common {
  readonly learningRate: number;
  /** Decoupled: added to the update, multiplied by the schedule and, for `adamw`, by the learning rate. */
  readonly weightDecay?: number;
  /** Coupled: l2Penalty * parameter is added to the gradient before momentum, like `weight_decay` of PyTorch's SGD. */
  readonly l2Penalty?: number;
  /** L2 penalty towards the initial values of a run instead of zero (L2-SP), for fine-tuning. */
  readonly l2PenaltyToInitial?: number;
  readonly clipNorm?: number;
  /** Multipliers of weightDecay and the L2 penalties by parameter path. Default: kernels only. */
  readonly weightDecayPatterns?: Patterns;
  readonly learningRatePatterns?: Patterns;
  /** Schedules of parameters that do not follow the main one; null freezes them. */
  readonly schedulePatterns?: SchedulePatterns;
  /** Storage type of momentum (for Adam, of the first moment). Default: "float32", for adafactor "float16". */
  readonly momentumDtype?: MomentumDType;
}

/** Stochastic gradient descent; without momentum (0) it has no state. */
export interface SgdConfig extends Common {
  readonly name: "sgd";
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

/**
 * `adam` defines weight decay as the reference chain does: absolute, not multiplied by the learning rate. `adamw` defines it like Loshchilov
 * and Hutter's implementations, PyTorch and timm: in units of the learning rate. Otherwise they are the same: decay 0.1 of `adamw` at
 * learning rate 0.001 is decay 0.0001 of `adam` (papers.md 5.2).
 */
export interface AdamConfig extends Common {
  readonly name: "adam" | "adamw";
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/**
 * big_vision's variant (papers.md 5.3): its state takes about half of the parameters' memory, that of Adam twice. Weight decay is absolute,
 * as in `adam`: Scaling ViT's 3.0 for the head and 0.03 for the body, in units of its learning rate 8e-4, are weightDecay 2.4e-5 with a
 * multiplier of 100 for `head/kernel` and 1 for the other kernels (papers.md 5.2).
 */
export interface AdafactorConfig extends Common, AdafactorOptions {
  readonly name: "adafactor";
}

/** A user-defined optimiser (`defineOptimizer`). Weight decay is in units of the learning rate, as in `adamw`. */
export interface CustomOptimizerConfig extends Common, Readonly<CustomOptimizer> {
  /** Momentum is part of the definition. */
  readonly momentumDtype?: undefined;
}

/** An optimiser of the package by its name, with its settings. */
export type OptimizerConfig = SgdConfig | AdamConfig | AdafactorConfig;

export const optimizerNames: readonly OptimizerConfig["name"][] = ["sgd", "adam", "adamw", "adafactor"];

/**
 * Creates the chain of a configuration: freeze, clip, L2 penalty, scale, learning rate, rates by pattern, decay, schedule. Throws RangeError
 * for an unknown name, and if momentum cannot be stored in the given type.
 */
export function createOptimizer(config: OptimizerConfig | CustomOptimizerConfig, schedule: Schedule): Transformation {
  const { learningRate, weightDecay = 0, l2Penalty = 0, l2PenaltyToInitial = 0, clipNorm } = config;
  const { weightDecayPatterns, learningRatePatterns } = config;
  return chain(
    freeze((path) => isFrozen(config, path)),
    ...(clipNorm === undefined ? [] : [clipByGlobalNorm(clipNorm)]),
    ...(l2Penalty > 0 ? [addL2Penalty(l2Penalty, weightDecayPatterns)] : []),
    ...(l2PenaltyToInitial > 0 ? [addL2PenaltyToInitial(l2PenaltyToInitial, weightDecayPatterns)] : []),
    ...scaling(config),
    scaleBy(learningRate),
    ...(learningRatePatterns ? [scaleByPattern(learningRatePatterns)] : []),
    ...(weightDecay > 0
      ? [addDecayedWeights(inUnitsOfRate(config) ? weightDecay * learningRate : weightDecay, weightDecayPatterns)]
      : []),
    scaleBySchedule(schedule, config.schedulePatterns),
  );
}

const inUnitsOfRate = ({ name }: OptimizerConfig | CustomOptimizerConfig): boolean =>
  name === "adamw" || name === "custom";

function scaling(config: OptimizerConfig | CustomOptimizerConfig): readonly Transformation[] {
  if (config.momentumDtype !== undefined) requireMomentumDType(config.momentumDtype);
  switch (config.name) {
    case "sgd": {
      const { momentum = 0.9, nesterov, momentumDtype } = config;
      return momentum === 0 ? [] : [trace(momentum, nesterov, momentumDtype)];
    }
    case "adafactor":
      return [scaleByAdafactor(config)];
    case "custom":
      return [customTransformation(config, isOptimizerState)];
    case "adam":
    case "adamw":
      return [scaleByAdam(config)];
    default:
      throw new RangeError(unknownName("optimizer", optimizerNames)({ input: config }));
  }
}

/** Whether a parameter is frozen: its rate is multiplied by 0, or its schedule is null. Frozen parameters have no optimiser state. */
export const isFrozen = (config: OptimizerConfig | CustomOptimizerConfig, path: string): boolean =>
  patternValue(config.learningRatePatterns ?? [], path, 1) === 0 ||
  patternValue<Schedule | null | undefined>(config.schedulePatterns ?? [], path, undefined) === null;

/** Whether a state name is not a parameter's: optimiser state, or the average or initial value of a parameter. */
export const isOptimizerState = (name: string): boolean =>
  /^(adam\/(m|mScale|v)|momentum|momentumScale|adafactor\/(row|column|v|m|mScale)|average|initial|optimizer)\//.test(
    name,
  );
