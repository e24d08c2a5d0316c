/** What a recipe is: the settings of one training run, its defaults, and the checks that refuse a setting that means nothing. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { didYouMean } from "../../text/nearest.js";
import { objectiveKind, objectiveSchema } from "../objectives/index.js";
import { mixupKinds } from "../objectives/mixup.js";
import { durationSchema } from "./duration.js";
import type { Duration } from "./durations.js";
import { modelSchema } from "./model.js";
import { averageSchema, optimizerSchema, schedulePatternsSchema, scheduleSchema } from "./optimizer.js";
import { keysAt } from "./schema.js";

const count = z.number().int().positive();

const totalSchema = durationSchema.refine((total: Duration) => (total.percent ?? -1) < 0, {
  error: "the length of the run cannot be a percentage of itself; give steps, examples or epochs",
});

const partSchema = z.strictObject({
  /** The dataset: anything `fovea data` can describe. */
  source: z.string().min(1),
  /** Default: `train` to train on and `test` to evaluate on, or everything where a source has no splits. */
  split: z.string().min(1).optional(),
  /** Preprocessing in its string form, `decode|resize(64)|value_range(-1,1)`. */
  preprocessing: z.string().min(1),
});

const weightedPartSchema = z.strictObject({
  ...partSchema.shape,
  /** Its share of every batch, relative to the other parts'; as many as it has examples when no part says. */
  weight: z.number().positive().optional(),
});

const dataSchema = z.strictObject({
  /** What is trained on: one source, or a list of sources that are mixed. */
  train: z.union([
    partSchema,
    z
      .array(weightedPartSchema)
      .min(1)
      .refine((parts) => new Set(parts.map(({ weight }) => weight === undefined)).size <= 1, {
        error: "give a weight to each part or to none",
      }),
  ]),
  /** Whether classes of one name in several parts of `train` are one class (the default) or stay apart. */
  mergeClasses: z.enum(["by-name", "disjoint"]).optional(),
  /** Images whose labels are not looked at, for objectives that learn from both kinds. */
  unlabelled: partSchema.optional(),
  /** Images to evaluate with while training. Default: no evaluation. */
  evaluation: partSchema.optional(),
  /**
   * In how many views every training image is shown: the crops and colours of epoch k come again in epoch k + views, so that a
   * teacher with a cache computes each once. Default: new ones every epoch.
   */
  views: count.optional(),
  /** Memory for decoded training images, in bytes, so that each is decoded once. Default: 256 MiB. */
  cacheBytes: z.number().int().min(0).optional(),
  /** Decoding threads. Default: by the number of cores. */
  workers: z.number().int().min(0).optional(),
});

/** The whole recipe. Every default of the product stands here and nowhere else. */
export const recipeSchema = z
  .strictObject({
    /** Name of the run. Default: that of the recipe file. */
    name: z
      .string()
      .regex(/^[\w.-]+$/, "letters, digits, dots, dashes and underscores: it names a folder")
      .optional(),
    /** Seed of the weights, of the order of the images and of everything that is drawn. */
    seed: z.number().int().min(0).max(0xffff_ffff).default(0),
    /** The network: a published variant, or its family with all sizes. */
    model: modelSchema,
    /**
     * A trained network to start from, anything that `fovea predict` takes (initial-weights.ts says how): `model` must be its
     * model, but may take larger images. `fovea finetune` writes such recipes.
     */
    initialWeights: z.string().min(1).optional(),
    /** What is trained on and evaluated with. */
    data: dataSchema,
    /** Images in a step, over all ranks. */
    batchSize: count.default(128),
    /**
     * Number of microbatches, over which gradients are accumulated. By default as many as are fastest on the CPU (microbatches.ts), and `--memory`
     * chooses; the run's `recipe.json` states the number used.
     */
    microbatches: count.optional(),
    /**
     * What the network works in while it is trained. With `float16` parameters, optimiser state, norms, softmax and losses
     * stay float32 and the loss is scaled; it needs a WebGPU device with half precision, and is slow on the CPU.
     */
    compute: z.enum(["float32", "float16"]).default("float32"),
    /** Steps in one run of the program, between which nothing leaves the runtime. Not on WebGPU. */
    stepsPerRun: count.default(1),
    /** Length of the run, in one unit. */
    total: totalSchema,
    /** What is minimised. */
    objective: objectiveSchema.prefault({ name: "softmax" }),
    /** Images and their targets are mixed in pairs; alpha 0 leaves them as they are. */
    mixup: z
      .strictObject({
        /** Parameter of the beta distribution of the share of the first image; 0 for no mixup. */
        alpha: z.number().min(0),
        /** How the shares of a batch are drawn. */
        kind: z.enum(mixupKinds).default("big_vision"),
      })
      .default({ alpha: 0, kind: "big_vision" }),
    /** The optimiser, told apart by its name. */
    optimizer: optimizerSchema,
    /** The learning rate over the steps, as a factor of `optimizer.learningRate`. */
    schedule: scheduleSchema.default({ name: "cosine" }),
    /** Parameters with a schedule of their own, or null: frozen. */
    schedulePatterns: schedulePatternsSchema.optional(),
    /** Average the weights over the steps; the averages are what is evaluated and used. */
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
        /** The newest checkpoints that are kept. */
        keepLast: count.default(2),
        /** Also keep the checkpoint that is best on the evaluation images. */
        keepBest: z
          .strictObject({
            /** The figure that is compared. */
            metric: z.enum(["accuracy", "loss"]).default("accuracy"),
            /** Is the highest or the lowest value of it best? */
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
     * When a loss or gradient is not a number: end the run, leave the step out (its batch is gone), or go back to the newest
     * checkpoint and on with the batches that follow.
     */
    onNotFinite: z.enum(["stop", "skip", "rollback"]).default("stop"),
    /** Device that runs the program. */
    device: z.enum(["cpu", "webgpu", "cuda"]).default("cpu"),
    /** Threads inside one operation; by default all cores, or a share of them among ranks. The run's `recipe.json` states the number used. */
    threads: count.optional(),
    /** Folder of the run. Default: `runs/NAME`. */
    output: z.string().min(1).optional(),
  })
  .superRefine((recipe, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    if (recipe.microbatches !== undefined && recipe.batchSize % recipe.microbatches !== 0) {
      refuse(["microbatches"], `${recipe.microbatches} equal parts do not make up a batch of ${recipe.batchSize}`);
    }
    if (recipe.mixup.alpha > 0 && !objectiveKind(recipe.objective).mixes) {
      refuse(["mixup"], `the objective "${recipe.objective.name}" has no targets to mix; leave mixup out`);
    }
    const { objective, microbatches } = recipe;
    const unlabelled = objectiveKind(objective).streams.includes("unlabelled");
    if (!unlabelled && recipe.data.unlabelled) {
      refuse(
        ["data", "unlabelled"],
        `the objective "${objective.name}" does not look at images without labels; leave data.unlabelled out, or learn from it with s4lRotation, s4lExemplar, vat or moam`,
      );
    }
    if (unlabelled && !recipe.data.unlabelled) {
      refuse(
        ["data", "unlabelled"],
        `the objective "${objective.name}" learns from images without labels too; say where they are with { source, preprocessing } (the source of data.train without ?take is a start)`,
      );
    }
    if ("unlabelledBatchSize" in objective && (objective.unlabelledBatchSize ?? 0) % (microbatches ?? 1) !== 0) {
      refuse(
        ["objective", "unlabelledBatchSize"],
        `${microbatches} microbatches do not make up ${objective.unlabelledBatchSize} images`,
      );
    }
    if (recipe.checkpoint.keepBest && !recipe.data.evaluation) {
      refuse(["checkpoint", "keepBest"], "needs data.evaluation to tell which checkpoint is best");
    }
  });

/** A recipe as written: defaults left out. */
export type RecipeInput = z.input<typeof recipeSchema>;
/** A recipe as run: every setting has its value. */
export type Recipe = z.output<typeof recipeSchema>;

/** One source of a recipe; those that are mixed may have a weight. */
export type RecipePart = z.output<typeof weightedPartSchema>;

/** The sources a recipe trains on. */
export const trainingParts = ({ data: { train } }: Pick<Recipe, "data">): readonly RecipePart[] =>
  Array.isArray(train) ? train : [train];

/** Marks the default export of a recipe file: gives the editor the types and returns the settings as they are. */
export function defineRecipe<T extends RecipeInput>(recipe: T): T {
  return recipe;
}

/** Every setting of a recipe that is wrong, one a line, with its path. */
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
    // One part or a list of them: what is wrong is told of the form that was given.
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
 * Throws RecipeError naming every setting that is wrong, its path, what was expected, and for an unknown key the nearest known one.
 */
export function resolveRecipe(input: unknown, origin = "recipe"): Recipe {
  const result = recipeSchema.safeParse(input);
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => describeIssue(issue, input));
  throw new RecipeError(`${origin} is not a valid recipe:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** JSON with the keys of every object sorted: one text for one value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === "object" && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );
}

/** Settings that determine neither the losses nor the weights of a run: where it writes, how often, and the number of decoding threads. */
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

/** A hash (sha256, hexadecimal) of what decides the course of a run: two recipes of one hash train alike. */
export function recipeHash(recipe: Recipe): string {
  const leaves = [...deciding(recipe)].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(leaves)).digest("hex");
}

/** The settings that decide the course of a run and differ between two recipes, as `path: before -> after`. Empty when a run of one may be resumed with the other. */
export function recipeDifferences(before: Recipe, after: Recipe): string[] {
  const a = deciding(before);
  const b = deciding(after);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .sort()
    .map((path) => `${path}: ${a.get(path) ?? "unset"} -> ${b.get(path) ?? "unset"}`);
}
