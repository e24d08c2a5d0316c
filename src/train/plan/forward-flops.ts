/** Counts the FLOPs of an objective's forward pass. */
import { costOf, input } from "../../graph/index.js";
import { modelSize } from "../../models/index.js";
import { Scope } from "../../nn/index.js";
import { type Objective, objectiveKind } from "../objectives/index.js";
import type { Recipe } from "../recipe/recipe.js";
import { planRun, type RunPlan } from "./plan.js";

/**
 * Matrix FLOPs of the forward pass of a step, for each image of `data.train`: for every rotation, view, patch and unlabelled image that the
 * objective makes of it or adds to it. Teachers, which run beside the step, are not counted.
 *
 * @param datasetSize number of training images
 * @param classes classes of the training source
 */
export function forwardFlops(recipe: Recipe, datasetSize: number, classes: number): number {
  const plan = planRun(recipe, datasetSize, classes);
  const { model, image } = plan.training;
  // a student sees every image once
  const { objective } = recipe;
  if ("teachers" in objective) {
    const side = "imageSize" in objective ? objective.imageSize : undefined;
    return modelSize(model, { size: side ?? image[0], channels: image[2] }).flops;
  }
  const { inputs, trace } = withoutTeachers(recipe, plan);
  // convolutions image by image, as published counts have them: those of a batch pad their products
  const scope = Scope.root({ fixedWeights: true, seed: input("seed", "int32", [1]) });
  const { loss } = trace(scope, inputs);
  return costOf([loss]).flops / plan.objective.batchSize;
}

function withoutTeachers({ objective }: Recipe, plan: RunPlan): Objective {
  const openTeacher = () =>
    Promise.reject(new Error(`the objective "${objective.name}" opened a teacher that its recipe does not name`));
  const opened = objectiveKind(objective).open(objective, { ...plan.objective, openTeacher });
  if (!(opened instanceof Promise)) return opened;
  opened.catch(() => {});
  throw new Error(
    `the FLOPs of the objective "${objective.name}" are known only once it is opened: its open() is asynchronous`,
  );
}
