/** The settings of optimisers, schedules and averages of the weights, and what they are in steps. */
import { z } from "zod";
import { type AverageConfig, decayOfHalfLife, type ScheduleConfig, unknownMomentumDType } from "../../optim/index.js";
import { unknownName } from "../../text/nearest.js";
import { durationSchema } from "./duration.js";
import { type DurationContext, toSteps } from "./durations.js";

const count = z.number().int().positive();
const fraction = z.number().min(0).lt(1);
const positive = z.number().positive();
const notNegative = z.number().min(0);

/** Regular expressions are matched against whole parameter names, first match wins (papers.md 5.2). */
const pattern = z.string().refine(isRegularExpression, { error: "not a regular expression" });
const patterns = z.array(z.tuple([pattern, z.number({ error: "expected a number to multiply by" })]));

const momentumDtype = z.enum(["float32", "float16"], { error: ({ input }) => unknownMomentumDType(input) });

const everyOptimizer = {
  learningRate: notNegative,
  /** Decoupled from the gradient. */
  weightDecay: notNegative.default(0),
  /** Added to the gradient as l2Penalty * parameter, as PyTorch's SGD does with its weight_decay. */
  l2Penalty: notNegative.optional(),
  /** Added as l2PenaltyToInitial * (parameter - its first value): for fine-tuning. */
  l2PenaltyToInitial: notNegative.optional(),
  clipNorm: positive.optional(),
  weightDecayPatterns: patterns.optional(),
  learningRatePatterns: patterns.optional(),
};
// Adam's own defaults (Kingma and Ba, arXiv:1412.6980, algorithm 1).
const adamMoments = {
  beta1: fraction.default(0.9),
  beta2: fraction.default(0.999),
  epsilon: positive.default(1e-8),
  momentumDtype: momentumDtype.default("float32"),
};

export const optimizerSchema = z.discriminatedUnion(
  "name",
  [
    z.strictObject({
      name: z.literal("sgd"),
      momentum: fraction.default(0.9),
      nesterov: z.boolean().default(false),
      momentumDtype: momentumDtype.default("float32"),
      ...everyOptimizer,
    }),
    z.strictObject({ name: z.literal("adam"), ...adamMoments, ...everyOptimizer }),
    z.strictObject({ name: z.literal("adamw"), ...adamMoments, ...everyOptimizer }),
    // big_vision's defaults (papers.md 5.3)
    z.strictObject({
      name: z.literal("adafactor"),
      minDimSizeToFactor: count.default(32),
      decayRate: positive.default(0.8),
      decayOffset: z.number().int().default(0),
      beta2Cap: fraction.default(0.999),
      clippingThreshold: positive.optional(),
      momentum: fraction.default(0.9),
      momentumDtype: momentumDtype.default("float16"),
      epsilon: notNegative.default(1e-30),
      ...everyOptimizer,
    }),
  ],
  { error: unknownName("optimizer", ["sgd", "adam", "adamw", "adafactor"]) },
);

const everySchedule = {
  warmup: durationSchema.optional(),
  cooldown: durationSchema.optional(),
  /** The factor at the peak. */
  base: positive.optional(),
  /** Multiply the peak by batchSize / 256. */
  scaleWithBatchSize: z.boolean().optional(),
};
const decayShape = { end: notNegative.optional(), power: positive.optional() };
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
      /** In steps. */
      timescale: positive.optional(),
      shift: notNegative.optional(),
      ...everySchedule,
    }),
    z
      .strictObject({
        name: z.literal("stair"),
        steps: z.array(z.number().int().min(0)),
        mults: z.array(notNegative),
        ...everySchedule,
      })
      .refine((stair) => stair.steps.length === stair.mults.length, {
        error: "give as many mults as steps",
        path: ["mults"],
      }),
  ],
  { error: unknownName("schedule", scheduleNames) },
);

/** A schedule of its own for the parameters a pattern names; null leaves them as they are (papers.md 5.2, step 6). */
export const schedulePatternsSchema = z.array(z.tuple([pattern, scheduleSchema.nullable()]));

export const averageSchema = z.discriminatedUnion(
  "name",
  [
    z
      .strictObject({
        name: z.literal("ema"),
        decay: fraction.optional(),
        /** In place of the decay: how long until half of the average is younger. */
        halfLife: durationSchema.optional(),
        /** Forget the first weights sooner: min(decay, (1 + t) / (10 + t)) at update t. */
        warmup: z.boolean().default(false),
      })
      .refine(({ decay, halfLife }) => (decay === undefined) !== (halfLife === undefined), {
        error: "give either decay (such as 0.9999) or halfLife (such as { epochs: 1 })",
      }),
    /** The mean of the weights from a moment on; from the start when left out. */
    z.strictObject({ name: z.literal("polyak"), from: durationSchema.optional() }),
  ],
  { error: unknownName("average", ["ema", "polyak"]) },
);

export type RecipeSchedule = z.output<typeof scheduleSchema>;
export type RecipeAverage = z.output<typeof averageSchema>;

/** A recipe's schedule in the form `createSchedule` of fovea/optim takes, durations in steps. */
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

/** A recipe's average in the form `applyOptimizer` of fovea/optim takes. Throws when a duration means nothing. */
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
