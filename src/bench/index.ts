// Benchmarks of speed, memory and transfer.
export {
  type BackboneRow,
  type BackbonesBench,
  type BackbonesBenchOptions,
  benchBackbones,
  type ShotAccuracy,
} from "./backbones.js";
export { benchDistributed, type DistributedBench, type DistributedBenchOptions } from "./distributed.js";
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
export * from "./suite/index.js";
