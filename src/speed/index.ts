/** Measurements of speed and memory. */

export { benchDistributed, type DistributedBench, type DistributedBenchOptions } from "./distributed.js";
export { benchEmbeddings, benchHamming, type EmbeddingSpeed, type HammingSpeed } from "./duplicates.js";
export {
  benchEngine,
  benchMemory,
  type EngineBench,
  type EngineBenchOptions,
  type MemoryBench,
  measureInProcess,
} from "./engine.js";
export type { EngineMeasure, EngineMeasureOptions, EngineWork } from "./engine-measure.js";
export { benchFewShot, type FewShotBench, type FewShotBenchOptions } from "./fewshot.js";
export { benchInference, type InferenceBench, type InferenceBenchOptions, type InferenceRates } from "./inference.js";
export { integerRate } from "./integer-rate.js";
export { plainResNet, plainViT } from "./plain-graph.js";
