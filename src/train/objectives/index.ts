/** Lists the objectives by name: the settings that each has in a recipe, and how it is opened for a run. */
import { z } from "zod";
import { unknownName } from "../../text/nearest.js";
import { customObjectiveKind, customObjectiveSchema } from "./custom.js";
import { distillation, distillationSchema } from "./distillation.js";
import { exemplar, exemplarSchema } from "./exemplar.js";
import { featureDistillation, featureDistillationSchema } from "./feature-distillation.js";
import { jigsaw, jigsawSchema } from "./jigsaw.js";
import { maskedPatch, maskedPatchSchema } from "./masked-patch.js";
import { moam, moamSchema } from "./moam.js";
import type { ObjectiveKind } from "./objective.js";
import { relativePatch, relativePatchSchema } from "./relative-patch.js";
import { rotation, rotationSchema } from "./rotation.js";
import { s4lExemplar, s4lExemplarSchema } from "./s4l-exemplar.js";
import { s4lRotation, s4lRotationSchema } from "./s4l-rotation.js";
import { sigmoid, sigmoidSchema } from "./sigmoid.js";
import { softmax, softmaxSchema } from "./softmax.js";
import { vat, vatSchema } from "./vat.js";

export { byLabel, type ClassificationLoss, type ClassificationSettings, classification } from "./classification.js";
export { type CustomObjective, defineObjective, type ObjectiveDefinition } from "./custom.js";
export {
  type Batches,
  type Objective,
  type ObjectiveContext,
  type ObjectiveEvaluation,
  type ObjectiveKind,
  returnedBatch,
  type StepMetrics,
  type StreamName,
} from "./objective.js";
export { isDefined, referenceShape } from "./reference.js";

const kinds = {
  softmax,
  sigmoid,
  distillation,
  featureDistillation,
  rotation,
  exemplar,
  jigsaw,
  relativePatch,
  maskedPatch,
  s4lRotation,
  s4lExemplar,
  vat,
  moam,
};

/** `objective` of a recipe: the schema of one objective, selected by `name`; `custom` is that of a `defineObjective`. */
export const objectiveSchema = z.discriminatedUnion(
  "name",
  [
    softmaxSchema,
    sigmoidSchema,
    distillationSchema,
    featureDistillationSchema,
    rotationSchema,
    exemplarSchema,
    jigsawSchema,
    relativePatchSchema,
    maskedPatchSchema,
    s4lRotationSchema,
    s4lExemplarSchema,
    vatSchema,
    moamSchema,
    customObjectiveSchema,
  ],
  {
    error: unknownName("objective", Object.keys(kinds)),
  },
);

export type ObjectiveSettings = z.output<typeof objectiveSchema>;

/** The kind of objective that belongs to settings. */
export const objectiveKind = (settings: ObjectiveSettings): ObjectiveKind<ObjectiveSettings> =>
  settings.name === "custom" ? customObjectiveKind(settings) : kinds[settings.name];
