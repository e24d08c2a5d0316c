/** User-defined objectives, which recipes name. */
import { z } from "zod";
import type { CustomSettings } from "../../models/index.js";
import { type Definition, definitions, type Reference } from "../../text/definitions.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { isDefined, referenceShape } from "./reference.js";

export interface ObjectiveDefinition<S extends CustomSettings = CustomSettings> extends Definition {
  /** Settings that `open` reads, such as the weight of a term. */
  readonly settings?: S;
  /** Whether the network has a head with one output for each class of the data. Default: true. */
  readonly head?: boolean;
  /** The function that turns the head's logits into probabilities when the trained network classifies. Default: "softmax". */
  readonly probabilities?: "softmax" | "sigmoid";
  /** Whether it also takes images without labels, `data.unlabelled` of a recipe. Default: false. */
  readonly unlabelled?: boolean;
  /** Whether it applies the mixup of its context. Default: false; a recipe with mixup is then refused. */
  readonly mixes?: boolean;
  /**
   * Whether the loss of an image does not depend on the other images of its batch, so that batches may be divided to save time and memory.
   * Default: false.
   */
  readonly perImage?: boolean;
  /**
   * Opens the objective for a run. A loss of logits and targets is `classification({ loss }, context)`; src/train/objectives/ has examples
   * of others.
   */
  open(context: ObjectiveContext, settings: S): Promise<Objective> | Objective;
}

/** The settings of a user-defined objective in a recipe. */
export interface CustomObjective extends Reference {
  name: "custom";
  settings: Record<string, number | string | boolean | number[]>;
}

const objectives = definitions<ObjectiveDefinition>("objective", "defineObjective");

/**
 * Defines an objective, and returns `objective` of a recipe that minimises it. Recipes store its name, version and settings; whoever resumes
 * a run first imports the file that calls this function. A later definition of the same name replaces an earlier one.
 *
 * Throws RangeError for a name with other characters than letters, digits, dots, dashes and underscores.
 *
 * @example
 * const distance = defineObjective({
 *   name: "distance",
 *   perImage: true,
 *   open: (context) =>
 *     classification({ loss: (logits, targets) => reduceSum(absolute(subtract(logits, targets)), 1) }, context),
 * });
 */
export function defineObjective<S extends CustomSettings = CustomSettings>(
  definition: ObjectiveDefinition<S>,
): CustomObjective {
  return { name: "custom", ...objectives.add(definition), settings: { ...definition.settings } };
}

export const customObjectiveSchema = z
  .strictObject({ name: z.literal("custom"), ...referenceShape })
  .superRefine(isDefined(objectives.problem));

/** The kind of a user-defined objective. Throws an Error that says what to import if it is not defined. */
export function customObjectiveKind(
  reference: z.output<typeof customObjectiveSchema>,
): ObjectiveKind<z.output<typeof customObjectiveSchema>> {
  const definition = objectives.get(reference);
  const { head = true, probabilities = "softmax", unlabelled = false, mixes = false, perImage = false } = definition;
  return {
    streams: unlabelled ? ["train", "unlabelled"] : ["train"],
    headClasses: (_, classes) => (head ? classes : 0),
    probabilities: head ? probabilities : undefined,
    mixes,
    judgesSingly: perImage,
    open: ({ settings }, context) => definition.open(context, settings),
  };
}
