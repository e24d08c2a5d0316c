// Benchmarks of speed and memory.
export { benchEngine, type EngineBench, type EngineBenchOptions, measureInProcess } from "./engine.js";
export type { EngineMeasure, EngineMeasureOptions } from "./engine-measure.js";
