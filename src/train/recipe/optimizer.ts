/** The settings of optimisers, schedules and weight averages, and their conversion to steps. */
import { z } from "zod";
import {
  type AverageConfig,
  customOptimizerProblem,
  customScheduleProblem,
  decayOfHalfLife,
  optimizerNames,
  type ScheduleConfig,
  unknownMomentumDType,
} from "../../optim/index.js";
import { unknownName } from "../../text/nearest.js";
import { isDefined, referenceShape } from "../objectives/index.js";
import { durationSchema } from "./duration.js";
import { type DurationContext, toSteps } from "./durations.js";

const count = z.number().int().positive();
const fraction = z.number().min(0).lt(1);
const positive = z.number().positive();
const notNegative = z.number().min(0);

/** Regular expressions are matched against whole parameter names; the first match wins (papers.md 5.2). */
const pattern = z.string().refine(isRegularExpression, { error: "not a regular expression" });
const patterns = z.array(z.tuple([pattern, z.number({ error: "expected a number, the factor" })]));

const momentumDtype = z.enum(["float32", "float16"], { error: ({ input }) => unknownMomentumDType(input) });

const everyOptimizer = {
  /** Learning rate at the peak of the schedule. */
  learningRate: notNegative,
  /** Weight decay, decoupled from the gradient. */
  weightDecay: notNegative.default(0),
  /** Adds l2Penalty * parameter to the gradient, as the weight_decay of PyTorch's SGD does. */
  l2Penalty: notNegative.optional(),
  /** Adds l2PenaltyToInitial * (parameter - its initial value) to the gradient: for fine-tuning. */
  l2PenaltyToInitial: notNegative.optional(),
  /** Clip the global norm of the gradients to this. */
  clipNorm: positive.optional(),
  /** Factors of the weight decay by parameter name: [regular expression, factor], first match. */
  weightDecayPatterns: patterns.optional(),
  /** Factors of the learning rate by parameter name: [regular expression, factor], first match. */
  learningRatePatterns: patterns.optional(),
};
// Adam's own defaults (Kingma and Ba, arXiv:1412.6980, algorithm 1).
const adamMoments = {
  /** Decay of the first moment. */
  beta1: fraction.default(0.9),
  /** Decay of the second moment. */
  beta2: fraction.default(0.999),
  /** Added to the square root of the second moment. */
  epsilon: positive.default(1e-8),
  /** Number format in which the first moment is stored. */
  momentumDtype: momentumDtype.default("float32"),
};

export const optimizerSchema = z.discriminatedUnion(
  "name",
  [
    z.strictObject({
      name: z.literal("sgd"),
      /** Momentum. */
      momentum: fraction.default(0.9),
      /** Nesterov momentum. */
      nesterov: z.boolean().default(false),
      /** Number format in which the momentum is stored. */
      momentumDtype: momentumDtype.default("float32"),
      ...everyOptimizer,
    }),
    z.strictObject({ name: z.literal("adam"), ...adamMoments, ...everyOptimizer }),
    z.strictObject({ name: z.literal("adamw"), ...adamMoments, ...everyOptimizer }),
    // big_vision's defaults (papers.md 5.3)
    z.strictObject({
      name: z.literal("adafactor"),
      /** Smallest size of the two largest axes for which the second moment is factored. */
      minDimSizeToFactor: count.default(32),
      /** The second moment decays by 1 - t^-decayRate at step t. */
      decayRate: positive.default(0.8),
      /** Subtracted from t, for fine-tuning. */
      decayOffset: z.number().int().default(0),
      /** Upper bound of the decay of the second moment. */
      beta2Cap: fraction.default(0.999),
      /** Largest root mean square of an update of a parameter. Default: no clipping. */
      clippingThreshold: positive.optional(),
      /** Decay of the first moment. */
      momentum: fraction.default(0.9),
      /** Number format in which the first moment is stored. */
      momentumDtype: momentumDtype.default("float16"),
      /** Added to squared gradients. */
      epsilon: notNegative.default(1e-30),
      ...everyOptimizer,
    }),
    /** The optimiser of a `defineOptimizer`. */
    z
      .strictObject({ name: z.literal("custom"), ...referenceShape, ...everyOptimizer })
      .superRefine(isDefined(customOptimizerProblem)),
  ],
  { error: unknownName("optimizer", optimizerNames) },
);

const everySchedule = {
  /** Linear increase from 0 to the peak. */
  warmup: durationSchema.optional(),
  /** Linear decrease to 0 at the end. */
  cooldown: durationSchema.optional(),
  /** The factor at the peak. */
  base: positive.optional(),
  /** Multiply the peak by batchSize / 256. */
  scaleWithBatchSize: z.boolean().optional(),
};
const decayShape = {
  /** The factor at the end of the run. */
  end: notNegative.optional(),
  /** Exponent of the decay. */
  power: positive.optional(),
};
const scheduleNames = ["constant", "cosine", "linear", "polynomial", "rsqrt", "stair"];
export const scheduleSchema = z.discriminatedUnion(
  "name",
  [
    z.strictObject({ name: z.literal("constant"), ...everySchedule }),
    z.strictObject({ name: z.literal("cosine"), ...everySchedule }),
    z.strictObject({ name: z.literal("linear"), ...decayShape, ...everySchedule }),
    z.strictObject({ name: z.literal("polynomial"), ...decayShape, ...everySchedule }),
    z.strictObject({
      name: z.literal("rsqrt"),
      /** Time scale in steps. */
      timescale: positive.optional(),
      /** Steps added before the inverse square root is taken. */
      shift: notNegative.optional(),
      ...everySchedule,
    }),
    z
      .strictObject({
        name: z.literal("stair"),
        /** Steps at which the factor changes. */
        steps: z.array(z.number().int().min(0)),
        /** The factor from each of these steps on. */
        mults: z.array(notNegative),
        ...everySchedule,
      })
      .refine((stair) => stair.steps.length === stair.mults.length, {
        error: "expected as many mults as steps",
        path: ["mults"],
      }),
    /** The schedule of a `defineSchedule`. */
    z
      .strictObject({ name: z.literal("custom"), ...referenceShape, ...everySchedule })
      .superRefine(isDefined(customScheduleProblem)),
  ],
  { error: unknownName("schedule", scheduleNames) },
);

/** A separate schedule for the parameters that a pattern matches; null freezes them (papers.md 5.2, step 6). */
export const schedulePatternsSchema = z.array(z.tuple([pattern, scheduleSchema.nullable()]));

export const averageSchema = z.discriminatedUnion(
  "name",
  [
    z
      .strictObject({
        name: z.literal("ema"),
        /** Fraction of the old average that each update keeps. */
        decay: fraction.optional(),
        /** Instead of the decay: the time after which half of the average comes from newer weights. */
        halfLife: durationSchema.optional(),
        /** Forget the initial weights sooner: decay min(decay, (1 + t) / (10 + t)) at update t. */
        warmup: z.boolean().default(false),
      })
      .refine(({ decay, halfLife }) => (decay === undefined) !== (halfLife === undefined), {
        error: "give either decay (such as 0.9999) or halfLife (such as { epochs: 1 })",
      }),
    /** The mean of the weights from this time on. Default: from the start. */
    z.strictObject({
      name: z.literal("polyak"),
      /** When averaging begins. Default: with the first step. */
      from: durationSchema.optional(),
    }),
  ],
  { error: unknownName("average", ["ema", "polyak"]) },
);

export type RecipeSchedule = z.output<typeof scheduleSchema>;
export type RecipeAverage = z.output<typeof averageSchema>;

/** Converts a recipe's schedule to the form that `createSchedule` of fovea/optim takes, with durations in steps. */
export function scheduleConfig(
  { name, warmup, cooldown, ...rest }: RecipeSchedule,
  context: DurationContext,
  path = "schedule",
): ScheduleConfig {
  return {
    ...rest,
    decayType: name,
    warmupSteps: warmup ? toSteps(warmup, context, `${path}.warmup`) : 0,
    cooldownSteps: cooldown ? toSteps(cooldown, context, `${path}.cooldown`) : 0,
  } as ScheduleConfig;
}

/** Converts a recipe's average to the form that `applyOptimizer` of fovea/optim takes. Throws for invalid durations. */
export function averageConfig(average: RecipeAverage, context: DurationContext): AverageConfig {
  if (average.name === "polyak") {
    return { kind: "polyak", from: average.from ? toSteps(average.from, context, "average.from") : 0 };
  }
  const { decay, halfLife, warmup } = average;
  return {
    kind: "ema",
    decay: halfLife ? decayOfHalfLife(toSteps(halfLife, context, "average.halfLife")) : decay!,
    warmup,
  };
}

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
