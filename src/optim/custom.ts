/** User-defined optimisers and schedules, which recipes name. */
import { type Definition, definitions, type Reference } from "../text/definitions.js";
import type { Transformation } from "./transformation.js";

/** Plain settings of a user-defined optimiser or schedule, which recipes store. */
export type CustomSettings = Readonly<Record<string, number | string | boolean | number[]>>;

export interface OptimizerDefinition<S extends CustomSettings = CustomSettings> extends Definition {
  /** Settings that `transformation` reads, such as decay rates. */
  readonly settings?: S;
  /** Learning rate at the peak of the schedule. */
  readonly learningRate: number;
  /**
   * What the optimiser does to the gradients, in the place of `scaleByAdam` in Adam; `chain` joins several transformations. Before it,
   * gradients are clipped and L2 penalties added; after it, updates are multiplied by the learning rate, weight decay is added as in `adamw`,
   * and the schedule is applied, all by the settings that every optimiser has. Names of its state begin with `optimizer/`.
   */
  transformation(settings: S): Transformation;
}

/** A user-defined optimiser, as a configuration refers to it. */
export interface CustomOptimizer extends Reference {
  name: "custom";
  settings: Record<string, number | string | boolean | number[]>;
  learningRate: number;
}

const optimizers = definitions<OptimizerDefinition>("optimiser", "defineOptimizer");

/** Why a user-defined optimiser cannot be made, and what to do; undefined if it can. */
export const customOptimizerProblem = optimizers.problem;

/**
 * Defines an optimiser by a transformation of gradients, and returns `optimizer` of a recipe, to which the settings of every optimiser can be
 * added. Recipes store its name, version and settings; whoever resumes a run first imports the file that calls this function. A later
 * definition of the same name replaces an earlier one.
 *
 * Throws RangeError for a name with other characters than letters, digits, dots, dashes and underscores.
 *
 * @example
 * const signDescent = defineOptimizer({
 *   name: "sign-descent",
 *   learningRate: 1e-3,
 *   transformation: () => (updates) => updates.map((update) => ({ ...update, value: sign(update.value) })),
 * });
 */
export function defineOptimizer<S extends CustomSettings = CustomSettings>(
  definition: OptimizerDefinition<S>,
): CustomOptimizer {
  const { learningRate, settings } = definition;
  return { name: "custom", ...optimizers.add(definition), settings: { ...settings }, learningRate };
}

/** State names of a user-defined optimiser, which checkpoints keep apart from parameters. */
export const customStatePrefix = "optimizer/";

/**
 * The transformation of a user-defined optimiser. It throws RangeError for a state that would be taken for a parameter: `isState` accepts
 * the names of state.
 */
export function customTransformation(
  reference: Pick<CustomOptimizer, "definition" | "version" | "settings">,
  isState: (name: string) => boolean,
): Transformation {
  const transformation = optimizers.get(reference).transformation(reference.settings);
  return (updates, context) => {
    const before = context.slots.length;
    const after = transformation(updates, context);
    const wrong = context.slots.slice(before).find(({ name }) => !isState(name));
    if (wrong) {
      throw new RangeError(
        `the optimiser "${reference.definition}" has the state "${wrong.name}"; expected a name that begins with "${customStatePrefix}"`,
      );
    }
    return after;
  };
}

export interface ScheduleDefinition<S extends CustomSettings = CustomSettings> extends Definition {
  /** Settings that `factor` reads. */
  readonly settings?: S;
  /**
   * The factor of the learning rate at a step (0 is the first) of a run of `total` steps. Warm-up, cool-down and `base` multiply it. It must
   * depend on nothing else, since a resumed run calls it again.
   */
  factor(step: number, total: number, settings: S): number;
}

/** A user-defined schedule, as a recipe refers to it. */
export interface CustomSchedule extends Reference {
  name: "custom";
  settings: Record<string, number | string | boolean | number[]>;
}

const schedules = definitions<ScheduleDefinition>("schedule", "defineSchedule");

/** Why a user-defined schedule cannot be made, and what to do; undefined if it can. */
export const customScheduleProblem = schedules.problem;

/**
 * Defines a schedule by a function, and returns `schedule` of a recipe, to which `warmup`, `cooldown` and `base` can be added. See
 * `defineOptimizer`.
 *
 * @example const halving = defineSchedule({ name: "halving", factor: (step, total) => 2 ** -Math.floor((4 * step) / total) });
 */
export function defineSchedule<S extends CustomSettings = CustomSettings>(
  definition: ScheduleDefinition<S>,
): CustomSchedule {
  return { name: "custom", ...schedules.add(definition), settings: { ...definition.settings } };
}

/** The factor of a user-defined schedule by the step of a run of `total` steps. It throws RangeError for a factor that is not finite. */
export function customFactor(
  reference: Reference & { readonly settings?: CustomSettings },
  total: number,
): (step: number) => number {
  const definition = schedules.get(reference);
  return (step) => {
    const factor = definition.factor(step, total, reference.settings ?? {});
    if (Number.isFinite(factor)) return factor;
    throw new RangeError(
      `the schedule "${reference.definition}" has the factor ${factor} at step ${step}; expected a finite number`,
    );
  };
}
