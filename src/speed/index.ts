/** Measurements of speed and memory. */

export {
  type BackboneSpeed,
  type BackbonesBench,
  type SpeedBackbonesOptions,
  speedBackbones,
  speedNetworks,
} from "./backbones.js";
export {
  benchDistributed,
  type DistributedBench,
  type DistributedBenchOptions,
  speedDistributed,
} from "./distributed.js";
export {
  benchEmbeddings,
  benchHamming,
  type EmbeddingSpeed,
  type HammingSpeed,
  type SpeedDedupOptions,
  speedDedup,
} from "./duplicates.js";
export {
  benchEngine,
  benchMemory,
  type EngineBench,
  type EngineBenchOptions,
  type MemoryBench,
  measureInProcess,
  type SpeedEngineOptions,
  speedEngine,
  speedMemory,
} from "./engine.js";
export type { EngineMeasure, EngineMeasureOptions, EngineWork } from "./engine-measure.js";
export { benchFewShot, type FewShotBench, type FewShotBenchOptions } from "./fewshot.js";
export {
  benchInference,
  type InferenceBench,
  type InferenceBenchOptions,
  type InferenceRates,
  type SpeedInferenceOptions,
  speedInference,
} from "./inference.js";
export {
  type InferenceCase,
  type InferenceSecondsOptions,
  inferenceSeconds,
  initialWeights,
} from "./input-size.js";
export { integerRate } from "./integer-rate.js";
export { plainResNet, plainViT } from "./plain-graph.js";
