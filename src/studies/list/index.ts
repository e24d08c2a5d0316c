/** The studies, in the order of their numbers. */
import { didYouMean } from "../../text/nearest.js";
import type { Study } from "../framework/study.js";
import { augmentation } from "./augmentation.js";
import { channelAttention } from "./channel-attention.js";
import { costPredictors } from "./cost-predictors.js";
import { distillation } from "./distillation.js";
import { earlyConvolutions } from "./early-convolutions.js";
import { familiesOverData } from "./families.js";
import { higherResolution } from "./higher-resolution.js";
import { inferenceSpeed } from "./inference-speed.js";
import { initialisation } from "./initialisation.js";
import { labelNoise } from "./label-noise.js";
import { lateDecay } from "./late-decay.js";
import { leakedDuplicates } from "./leaked-duplicates.js";
import { memorisation } from "./memorisation.js";
import { mixerOverData } from "./mixer.js";
import { modelAndData } from "./model-and-data.js";
import { patchBorders } from "./patch-borders.js";
import { pooling } from "./pooling.js";
import { positionEmbeddings } from "./positions.js";
import { robustness } from "./robustness.js";
import { sampleEfficiency } from "./sample-efficiency.js";
import { scalingLaw } from "./scaling-law.js";
import { schedulesOfUnknownLength } from "./schedules.js";
import { shape } from "./shape.js";
import { synthetic } from "./synthetic.js";
import { transferMethods } from "./transfer-methods.js";
import { upstreamTasks } from "./upstream.js";

export const studies: readonly Study[] = [
  upstreamTasks,
  modelAndData,
  lateDecay,
  familiesOverData,
  mixerOverData,
  shape,
  sampleEfficiency,
  scalingLaw,
  inferenceSpeed,
  positionEmbeddings,
  higherResolution,
  earlyConvolutions,
  channelAttention,
  augmentation,
  distillation,
  synthetic,
  leakedDuplicates,
  robustness,
  patchBorders,
  transferMethods,
  labelNoise,
  initialisation,
  memorisation,
  schedulesOfUnknownLength,
  pooling,
  costPredictors,
];

/** The study of a name or number. Throws RangeError for an unknown one, naming the nearest. */
export function studyNamed(name: string): Study {
  const found = studies.find((study) => study.name === name || String(study.number) === name);
  if (found) return found;
  const names = studies.map((study) => study.name);
  throw new RangeError(`unknown study "${name}"${didYouMean(name, names) || `; expected one of ${names.join(", ")}`}`);
}
