/** Benchmarks of pre-trained networks: comparisons of backbones, VTAB, robustness and near-duplicate detection. */
export {
  type BackboneRow,
  type CompareOptions,
  type Comparison,
  compare,
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
