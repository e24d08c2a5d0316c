/** Weights: file formats, published layouts, the hub, and `loadWeights` and `saveWeights` over all of them. */
export { WeightsError } from "../formats/error.js";
export { decodeNpz, encodeNpz, NpzFile, readNpz, writeNpz } from "../formats/npz.js";
export {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type Safetensors,
  type SafetensorsEntry,
  SafetensorsError,
  SafetensorsFile,
  type SafetensorsHeader,
  writeSafetensors,
} from "../formats/safetensors.js";
export {
  type StoredDType,
  type StoredTensor,
  type TensorEntry,
  type TensorFile,
  type TypedArray,
  tensorBytes,
} from "../formats/stored.js";
export { resizeImages, withClasses } from "./adapt.js";
export { type HubBackbone, hubBackbones, withoutShortName } from "./catalogue/backbones.js";
export { publishedCheckpoints } from "./catalogue/checkpoints.js";
export { bundledBackbones, headings, type ModelRow, modelRows } from "./catalogue/models.js";
export { type ImageSize, patchGrid } from "./describe.js";
export { readPreprocessor } from "./descriptions/huggingface.js";
export { valueRangeStage } from "./descriptions/json.js";
export {
  defaultPreprocessing,
  type PublishedAccuracy,
  readJson,
  resizedPreprocessing,
  type WeightsMetadata,
} from "./descriptions/metadata.js";
export {
  backboneOrDefault,
  defaultBackbone,
  type EmbeddedBackbone,
  embeddedBackbones,
  embeddedFolder,
  embeddedPrefix,
} from "./embedded.js";
export {
  augRegAddress,
  fetchAugReg,
  fetchHubModel,
  fetchHubOnnx,
  fetchHubOnnxIfNeeded,
  type HubName,
  type HubOptions,
  parseHubName,
} from "./hub.js";
export { type OnnxDType, onnxSuffixes } from "./hub-onnx.js";
export { type LayoutName, layouts } from "./layouts/index.js";
export { type InspectedWeights, inspectWeights, type LoadedWeights, type LoadOptions, loadWeights } from "./load.js";
export { requireFinite, toFloat32 } from "./numbers.js";
export { type PatchGrid, type PositionResize, positionResizes, resizeLine, resizePositions } from "./positions.js";
export {
  type AugRegSettings,
  augRegFile,
  findAugReg,
  type PublishedAugReg,
  parseAugRegName,
  publishedAugReg,
} from "./published-augreg.js";
export { layoutShapes, layoutTensors, type SaveOptions, saveWeights, withClassTokenOrder } from "./save.js";
export { isWeightsName } from "./sources.js";
export { type NetworkSpec, networkOptions, parseNetworkSpec, readOptions, type SpecOption, splitSpec } from "./spec.js";
export type { Weights, WeightTensor } from "./types.js";
