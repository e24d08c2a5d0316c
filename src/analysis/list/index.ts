/** The analyses, in the order of the report. */
import type { Analysis } from "../framework/analysis.js";
import { attentionDistance } from "./attention-distance.js";
import { attentionMaps } from "./attention-maps.js";
import { attentionRolloutAnalysis } from "./attention-rollout.js";
import { featureMaps } from "./feature-maps.js";
import { filters } from "./filters.js";
import { layerCost } from "./layer-cost.js";
import { patchContributions } from "./patch-contributions.js";
import { patchSimilarity } from "./patch-similarity.js";
import { positionSimilarity } from "./position-similarity.js";
import { similarity } from "./similarity.js";
import { speed } from "./speed.js";

export const analyses: readonly Analysis[] = [
  filters,
  positionSimilarity,
  attentionDistance,
  attentionMaps,
  attentionRolloutAnalysis,
  patchContributions,
  patchSimilarity,
  featureMaps,
  similarity,
  layerCost,
  speed,
];
