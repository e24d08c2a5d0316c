/** Prepares a run from a recipe and the properties of its data: opens the objective and builds the program. */
import { closeOnError } from "../../files/closable.js";
import { type Objective, objectiveKind } from "../objectives/index.js";
import type { Recipe } from "../recipe/recipe.js";
import { openTeacher, type TeacherSettings } from "../teachers/teacher.js";
import { planRun, type RunPlan } from "./plan.js";
import { buildTraining, type Sharing, type TrainingProgram } from "./step.js";

export interface PreparedTraining {
  readonly plan: RunPlan;
  /** The caller closes it. */
  readonly objective: Objective;
  readonly training: TrainingProgram;
}

/**
 * Plans a run, opens its objective and builds its graphs, for a training source with this number of images and classes,
 * with or without target vectors. Throws what `planRun`, the objective and `buildTraining` throw, after closing what
 * was opened.
 */
export async function prepareTraining(
  recipe: Recipe,
  datasetSize: number,
  classes: number,
  sourceTargets = false,
  sharing?: Sharing,
): Promise<PreparedTraining> {
  const plan = planRun(recipe, datasetSize, classes, sourceTargets, sharing);
  const { threads } = recipe;
  const openTeacherFor = (settings: TeacherSettings) => openTeacher(settings, { ...plan.objective, threads });
  const context = { ...plan.objective, openTeacher: openTeacherFor };
  const objective = await objectiveKind(recipe.objective).open(recipe.objective, context);
  return await closeOnError({ close: () => objective.close?.() }, async () => {
    return { plan, objective, training: buildTraining(objective, plan.training, recipe.seed) };
  });
}
