/** Looks into networks and data: each analysis computes arrays and draws them. */
export { augmentationSheet, writeAugmentations } from "./augmentations.js";
export type {
  Analysis,
  AnalysisChart,
  AnalysisContext,
  AnalysisOptions,
  AnalysisResult,
} from "./framework/analysis.js";
export { type AttentionLayout, attentionLayout, shareOfHalf } from "./framework/attention.js";
export {
  type CentredGram,
  centredGram,
  ckaMatrix,
  gramOf,
  type HsicEstimator,
  hsic,
  linearCka,
} from "./framework/cka.js";
export {
  gradientTimesInput,
  type LayerNormParameters,
  meanContributions,
  throughNorm,
} from "./framework/contributions.js";
export { cosines } from "./framework/cosines.js";
export { evenly } from "./framework/evenly.js";
export { forwardLayers, type Layer } from "./framework/forward-layers.js";
export { imagesPerSecond, type RateOptions } from "./framework/images-per-second.js";
export { cellAt, type SpatialLayer, spatialLayers, vectorsOf } from "./framework/layers.js";
export { type Positions, positionsOf } from "./framework/positions.js";
export { type PrincipalComponents, principalComponents, project } from "./framework/principal-components.js";
export {
  openSubject,
  type Subject,
  type SubjectImages,
  type SubjectOptions,
  type Traced,
} from "./framework/subject.js";
export {
  attentionDistance,
  type ClassTokenConvention,
  type DistanceGrid,
  type HeadDistance,
  headDistance,
} from "./list/attention-distance.js";
export { attentionMaps, attentionOfQuery } from "./list/attention-maps.js";
export {
  attentionRollout,
  attentionRolloutAnalysis,
  meanOfHeads,
  type RolloutOptions,
} from "./list/attention-rollout.js";
export { type ColouredMaps, colouredMaps, featureMaps } from "./list/feature-maps.js";
export { type FilterRows, type FirstLayer, filterRows, filters, firstLayer, minMaxScaled } from "./list/filters.js";
export { analyses } from "./list/index.js";
export { type LayerCost, layerCost, layerFunctions, layerParts } from "./list/layer-cost.js";
export {
  type ContributionMap,
  contributionsOf,
  type ExactParts,
  type ImageContributions,
  patchContributions,
  pooledLayers,
} from "./list/patch-contributions.js";
export { meanPairCosine, patchSimilarity } from "./list/patch-similarity.js";
export {
  type PositionStructure,
  positionSimilarity,
  positionStructure,
  type ResizedPositions,
  resizedByEach,
} from "./list/position-similarity.js";
export { batchSizes, type LayerSimilarity, similarity } from "./list/similarity.js";
export { type SizeSpeed, sizesToMeasure, sizeUnit, speed } from "./list/speed.js";
export { type AnalyseOptions, analyse, analysesNamed, type NetworkAnalysis } from "./report.js";
