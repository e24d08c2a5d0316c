/** Benchmarks of what a network has learnt: backbones beside each other. */
export {
  type BackboneRow,
  type BackbonesBench,
  type BackbonesBenchOptions,
  benchBackbones,
  type ShotAccuracy,
} from "./backbones.js";
