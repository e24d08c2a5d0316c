/** The published ResNets, and a parser of names such as "R50x1" (BiT, papers.md 2.1) and "ResNet-50" (version 1). */
import { type ResNetConfig, resnetDefaults } from "./resnet.js";

/** Number of units in the four stages, by the number of layers (papers.md 2.1). */
export const resnetBlocks: Readonly<Record<string, readonly number[]>> = {
  26: [2, 2, 2, 2],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
  200: [3, 24, 36, 3],
};

/** BiT's models, the R200x3 that Mixer is compared with, and the plain ResNets of version 1. */
export const publishedResNets: readonly string[] = [
  "R50x1",
  "R50x3",
  "R101x1",
  "R101x3",
  "R152x2",
  "R152x4",
  "R200x3",
  "ResNet-26",
  "ResNet-50",
];

/** Settings in which version 1 differs: the standardisation of its code and flax's epsilon (papers.md 3.1). */
const versionOne = { version: 1, weightStandardisation: "flax", groupNormEpsilon: 1e-6 } as const;

/**
 * Configuration of a name, with the given changes: `R{layers}x{width}` is BiT's ResNet-v2, `ResNet-{layers}` (or `ResNet-{layers}x{width}`)
 * is version 1; the number of layers is 26, 50, 101, 152 or 200. Throws RangeError.
 *
 *     resnetConfig("R50x1", { classes: 10 });
 */
export function resnetConfig(variant: string, changes: Partial<ResNetConfig> = {}): ResNetConfig {
  const [, version, layers = "", factor = "1"] = /^(R(?=\d+x)|ResNet-)(\d+)(?:x(\d+(?:\.\d+)?))?$/.exec(variant) ?? [];
  const blocks = Object.hasOwn(resnetBlocks, layers) ? resnetBlocks[layers] : undefined;
  const widthFactor = Number(factor);
  if (!version || !blocks || !(widthFactor > 0)) {
    throw new RangeError(
      `unknown ResNet "${variant}"; write R{layers}x{width}, e.g. "R50x1" (BiT), or ResNet-{layers}, with layers ${Object.keys(resnetBlocks).join(", ")}`,
    );
  }
  return { ...resnetDefaults, ...(version === "ResNet-" && versionOne), blocks, widthFactor, ...changes };
}
