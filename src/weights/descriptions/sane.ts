/** Checks the settings of a network that a file describes, before its graph is built. */
import { WeightsError } from "../../formats/error.js";
import {
  activationNames,
  type MobileNetConfig,
  mobilenetShapes,
  type PublishedConfig,
  type Stem,
} from "../../models/index.js";

/** The largest accepted number of stages. */
export const maxStages = 64;
/** The largest accepted value of a setting; larger ones would make building the graph endless. */
const maxSetting = 1 << 20;
/**
 * The largest accepted number of blocks; the deepest published network has 56 blocks, the deepest ResNet here 66 units.
 */
const maxBlocks = 1024;

/** Throws WeightsError when the settings in a file are not those of a network. */
export function requireSane(config: PublishedConfig): void {
  for (const [name, value] of Object.entries(config)) {
    if (typeof value === "number" && !(Math.abs(value) <= maxSetting)) {
      throw new WeightsError(`its setting ${name} is ${value}; expected at most ${maxSetting}`);
    }
  }
  if (config.family === "mobilenet") requireSaneMobileNet(config);
  const counts = config.family === "vit" ? stemCounts(config.stem) : config.family === "resnet" ? config.blocks : [];
  const isOfPatches = config.family === "vit" || config.family === "mixer";
  const depth = isOfPatches ? config.depth : 0;
  const sides = isOfPatches ? [config.width, config.patchSize] : [];
  const strides = config.family === "vit" && config.stem.kind === "convolutions" ? config.stem.strides : [];
  const whole = [depth, config.classes, ...counts, ...sides].every((value) => Number.isInteger(value) && value >= 0);
  if (!whole || [...sides, ...strides].some((side) => side < 1) || counts.length > maxStages) {
    throw new WeightsError("its settings are invalid: sides, strides and counts must be whole numbers");
  }
  const blocks = counts.reduce((sum, count) => sum + count, depth);
  if (blocks > maxBlocks) throw new WeightsError(`it has ${blocks} blocks, more than any network has`);
}

function requireSaneMobileNet({
  architecture,
  widthFactor,
  featureWidth = 1,
  padding,
  activation,
}: MobileNetConfig): void {
  const names = activation === undefined || activationNames.includes(activation);
  const isKnown = Object.hasOwn(mobilenetShapes, architecture) && names && ["same", "symmetric"].includes(padding);
  if (isKnown && widthFactor > 0 && Number.isInteger(featureWidth) && featureWidth > 0) return;
  throw new WeightsError(
    "its settings are invalid: architecture, activation and padding must be known names, widthFactor and featureWidth above 0",
  );
}

const stemCounts = (stem: Stem): readonly number[] =>
  stem.kind === "resnet" ? stem.blocks : stem.kind === "convolutions" ? stem.strides : [];
