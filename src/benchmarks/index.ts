/** Benchmarks of what a network has learnt: backbones beside each other. */
export {
  type BackboneRow,
  type BackbonesBench,
  type BackbonesBenchOptions,
  benchBackbones,
  type ShotAccuracy,
} from "./backbones.js";
export {
  type NetworkCorruptionOptions,
  type NetworkCorruptions,
  type NetworkImagenetSet,
  type NetworkPatchGrid,
  networkCorruptions,
  networkImagenetSet,
  networkPatchGrid,
} from "./robustness.js";
