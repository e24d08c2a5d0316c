/** Defines a recipe: the settings of one training run, their defaults, and the checks that reject invalid settings. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { didYouMean } from "../../text/nearest.js";
import { objectiveKind, objectiveSchema } from "../objectives/index.js";
import { mixupKinds } from "../objectives/mixup.js";
import { durationSchema, totalSchema } from "./duration.js";
import { modelSchema, withVariantSettings } from "./model.js";
import { averageSchema, optimizerSchema, schedulePatternsSchema, scheduleSchema } from "./optimizer.js";
import { keysAt } from "./schema.js";

const count = z.number().int().positive();

const partSchema = z.strictObject({
  /** The dataset, as for `fovea data`. */
  source: z.string().min(1),
  /** Default: `train` to train on and `test` to evaluate on, or everything if a source has no splits. */
  split: z.string().min(1).optional(),
  /** Preprocessing in its string form, `decode|resize(64)|value_range(-1,1)`. */
  preprocessing: z.string().min(1),
});

const weightedPartSchema = z.strictObject({
  ...partSchema.shape,
  /**
   * Weight of this part in every batch, relative to the other parts. Default: its number of examples, if no part has a
   * weight.
   */
  weight: z.number().positive().optional(),
});

const dataSchema = z.strictObject({
  /** The training data: one source, or a list of sources that are mixed. */
  train: z.union([
    partSchema,
    z
      .array(weightedPartSchema)
      .min(1)
      .refine((parts) => new Set(parts.map(({ weight }) => weight === undefined)).size <= 1, {
        error: "expected a weight for each part or for none",
      }),
  ]),
  /** Whether classes of the same name in several parts of `train` are one class (the default) or separate classes. */
  mergeClasses: z.enum(["by-name", "disjoint"]).optional(),
  /** Images for semi-supervised objectives, in addition to `train`. Their labels, if any, are ignored. */
  unlabelled: partSchema.optional(),
  /** Images to evaluate on during training. Default: no evaluation. */
  evaluation: partSchema.optional(),
  /**
   * Number of different augmented views of every training image: epoch k + views repeats the crops and colours of epoch
   * k, so that a teacher with a cache computes each view once. Default: new views every epoch.
   */
  views: count.optional(),
  /** Memory in bytes for decoded training images, so that each is decoded once. Default: 256 MiB. */
  cacheBytes: z.number().int().min(0).optional(),
  /** Decoding threads. Default: chosen by the number of cores. */
  workers: z.number().int().min(0).optional(),
});

/** The whole recipe. All defaults are defined here. */
export const recipeSchema = z
  .strictObject({
    /** Name of the run. Default: that of the recipe file. */
    name: z
      .string()
      .regex(/^[\w.-]+$/, "expected letters, digits, dots, dashes and underscores, as in a folder name")
      .optional(),
    /** Seed of the initial weights, the order of the images and all other random draws. */
    seed: z.number().int().min(0).max(0xffff_ffff).default(0),
    /** The network: `name` is its family, `variant` a published variant; without a variant its sizes are given. */
    model: modelSchema,
    /**
     * A trained network to start from: a run folder, a checkpoint or weights (embedded:NAME, a file, hf:OWNER/NAME,
     * augreg:NAME). `model` must have its architecture, but may take larger images. The head is initialised with zeros.
     */
    initialWeights: z.string().min(1).optional(),
    /** The data to train on and to evaluate on. */
    data: dataSchema,
    /** Images in a step, over all ranks. */
    batchSize: count.default(128),
    /**
     * Number of microbatches, over which gradients are accumulated. Default: the number that is fastest on the CPU, or
     * the one that `--memory` chooses; the run's `recipe.json` states the number used.
     */
    microbatches: count.optional(),
    /**
     * The network's number type in training. With `float16`, parameters, optimiser state, norms, softmax and losses
     * stay float32 and the loss is scaled. It is useful only on a WebGPU device with half precision; the CPU accepts it
     * but is slower with it.
     */
    compute: z.enum(["float32", "float16"]).default("float32"),
    /** Steps in one call of ONNX Runtime, between which tensors are not copied to the host. Not on WebGPU. */
    stepsPerRun: count.default(1),
    /** Length of the run: one of steps, examples and epochs. */
    total: totalSchema,
    /** The loss that is minimised; docs/training.md lists the objectives. */
    objective: objectiveSchema.prefault({ name: "softmax" }),
    /** Mixup of pairs of images and their targets; alpha 0 disables it. */
    mixup: z
      .strictObject({
        /** Parameter of the beta distribution of the mixing weight; 0: no mixup. */
        alpha: z.number().min(0),
        /**
         * How the mixing weight and the pairs of a batch are drawn. `big_vision`: the greater of the drawn weight and 1
         * minus it, each image with the one before. `timm` and `bit_reversed` (the same): the drawn weight, each image
         * with that of the reversed batch. `bit`: the drawn weight, a random permutation.
         */
        kind: z.enum(mixupKinds).default("big_vision"),
      })
      .default({ alpha: 0, kind: "big_vision" }),
    /** The optimiser and its settings; `name` selects it. */
    optimizer: optimizerSchema,
    /** The learning rate over the steps, as a factor of `optimizer.learningRate`. */
    schedule: scheduleSchema.default({ name: "cosine" }),
    /** Parameters with a separate schedule, or null: frozen. */
    schedulePatterns: schedulePatternsSchema.optional(),
    /** Average the weights over the steps; the averages are evaluated and used. */
    average: averageSchema.optional(),
    /** When the network is evaluated. */
    evaluate: z
      .strictObject({
        /** How often. */
        every: durationSchema,
      })
      .default({ every: { epochs: 1 } }),
    /** Which checkpoints are written and kept. */
    checkpoint: z
      .strictObject({
        /** How often a checkpoint is written. */
        every: durationSchema.default({ percent: 0.1 }),
        /** Number of the newest checkpoints that are kept. */
        keepLast: count.default(2),
        /** Also keep the checkpoint that is best on the evaluation images. */
        keepBest: z
          .strictObject({
            /** The metric that is compared. */
            metric: z.enum(["accuracy", "loss"]).default("accuracy"),
            /** `max`: the highest value of the metric is best (accuracy); `min`: the lowest (loss). */
            mode: z.enum(["max", "min"]).default("max"),
          })
          .optional(),
      })
      .prefault({}),
    /** When metrics are written. */
    log: z
      .strictObject({
        /** How often. */
        every: durationSchema,
      })
      .default({ every: { steps: 10 } }),
    /**
     * Action when a loss or gradient is not finite: stop the run, skip the step (its batch is lost), or roll back to
     * the newest checkpoint and continue with the batches that follow.
     */
    onNotFinite: z.enum(["stop", "skip", "rollback"]).default("stop"),
    /** Device that runs the program. */
    device: z.enum(["cpu", "webgpu", "cuda"]).default("cpu"),
    /**
     * Threads inside one operation. Default: all cores, divided among the ranks that share them. The run's
     * `recipe.json` states the number used.
     */
    threads: count.optional(),
    /** Folder of the run. Default: `runs/NAME`. */
    output: z.string().min(1).optional(),
  })
  .superRefine((recipe, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    const objectiveName = recipe.objective.name === "custom" ? recipe.objective.definition : recipe.objective.name;
    if (recipe.microbatches !== undefined && recipe.batchSize % recipe.microbatches !== 0) {
      refuse(["microbatches"], `${recipe.microbatches} does not divide the batch size ${recipe.batchSize}`);
    }
    if (recipe.mixup.alpha > 0 && !objectiveKind(recipe.objective).mixes) {
      refuse(["mixup"], `the objective "${objectiveName}" has no targets to mix; remove mixup`);
    }
    const { objective, microbatches } = recipe;
    const unlabelled = objectiveKind(objective).streams.includes("unlabelled");
    if (!unlabelled && recipe.data.unlabelled) {
      refuse(
        ["data", "unlabelled"],
        `the objective "${objectiveName}" does not use images without labels; remove data.unlabelled, or use the objective s4lRotation, s4lExemplar, vat or moam`,
      );
    }
    if (unlabelled && !recipe.data.unlabelled) {
      refuse(
        ["data", "unlabelled"],
        `the objective "${objectiveName}" also needs images without labels; give { source, preprocessing } (for example the source of data.train without ?take)`,
      );
    }
    if ("unlabelledBatchSize" in objective && (objective.unlabelledBatchSize ?? 0) % (microbatches ?? 1) !== 0) {
      refuse(
        ["objective", "unlabelledBatchSize"],
        `${microbatches} microbatches do not divide ${objective.unlabelledBatchSize} images`,
      );
    }
    if (recipe.checkpoint.keepBest && !recipe.data.evaluation) {
      refuse(["checkpoint", "keepBest"], "needs data.evaluation to compare checkpoints");
    }
  });

/** A recipe as written, with optional defaults. */
export type RecipeInput = z.input<typeof recipeSchema>;
/** A resolved recipe, with a value for every setting. */
export type Recipe = z.output<typeof recipeSchema>;

/** One source of a recipe; mixed sources may have a weight. */
export type RecipePart = z.output<typeof weightedPartSchema>;

/** The sources a recipe trains on. */
export const trainingParts = ({ data: { train } }: Pick<Recipe, "data">): readonly RecipePart[] =>
  Array.isArray(train) ? train : [train];

/** Marks the default export of a recipe file: provides the types for an editor and returns the settings unchanged. */
export function defineRecipe<T extends RecipeInput>(recipe: T): T {
  return recipe;
}

/** Lists all invalid settings of a recipe, one per line, with their paths. */
export class RecipeError extends Error {
  override name = "RecipeError";
}

function describeIssue(issue: z.core.$ZodIssue, input: unknown): string[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(recipeSchema, issue.path.map(String), input);
    return issue.keys.map((key) => {
      const meant = didYouMean(key, known);
      const expected = meant === "" ? `; known here: ${known.join(", ")}` : meant;
      return `${path === "" ? "" : `${path}.`}${key}: unknown key${expected}`;
    });
  }
  if (issue.code === "invalid_union" && issue.errors.length === 2) {
    // One part or a list of them: errors refer to the form that was given.
    const given = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      input,
    );
    const own = issue.errors[Array.isArray(given) ? 1 : 0]!;
    return own.flatMap((one) => describeIssue({ ...one, path: [...issue.path, ...one.path] }, input));
  }
  return [`${path === "" ? "recipe" : path}: ${issue.message}`];
}

/**
 * Checks a recipe and fills in its defaults.
 *
 * Throws RecipeError that lists every invalid setting with its path and what was expected; for an unknown key also the
 * nearest known one.
 */
export function resolveRecipe(given: unknown, origin = "recipe"): Recipe {
  const hasModel = typeof given === "object" && given !== null && "model" in given;
  const input = hasModel ? { ...given, model: withVariantSettings(given.model) } : given;
  const result = recipeSchema.safeParse(input);
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => describeIssue(issue, input));
  throw new RecipeError(`${origin} is not a valid recipe:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** JSON with the keys of every object sorted, so that equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === "object" && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );
}

/**
 * Settings that affect neither the losses nor the weights of a run: where it writes, how often, and the number of
 * decoding threads.
 */
const nonDetermining = ["name", "output", "log", "checkpoint", "data.workers"];

function deciding(recipe: Recipe): Map<string, string> {
  const leaves = new Map<string, string>();
  const visit = (value: unknown, path: string) => {
    if (nonDetermining.includes(path) || value === undefined) return;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, entry] of Object.entries(value)) visit(entry, path === "" ? key : `${path}.${key}`);
    } else {
      leaves.set(path, canonicalJson(value));
    }
  };
  visit(recipe, "");
  return leaves;
}

/**
 * A hash (sha256, hexadecimal) of the settings that determine a run: two recipes with the same hash train identically.
 */
export function recipeHash(recipe: Recipe): string {
  const leaves = [...deciding(recipe)].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(leaves)).digest("hex");
}

/**
 * The determining settings that differ between two recipes, as `path: before -> after`. Empty when a run of one may be
 * resumed with the other.
 */
export function recipeDifferences(before: Recipe, after: Recipe): string[] {
  const a = deciding(before);
  const b = deciding(after);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .sort()
    .map((path) => `${path}: ${a.get(path) ?? "unset"} -> ${b.get(path) ?? "unset"}`);
}
