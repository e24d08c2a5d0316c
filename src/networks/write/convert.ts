/** Writes the weights of any network in a published layout. */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, refuseExisting } from "../../files/folder.js";
import type { ModelConfig, ModelFamily } from "../../models/index.js";
import {
  type LayoutName,
  layouts,
  type SaveOptions,
  saveWeights,
  splitSpec,
  type Weights,
  withClasses,
} from "../../weights/index.js";
import { asWeights, readNetwork, type TrainedNetwork } from "../stored/read.js";

/** Changes of a network before it is written. */
export interface NetworkChanges {
  /**
   * Side of the images, or [height, width]; learned positions of published weights are resized to it. Default: the
   * network's own.
   */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /** Replaces the head by a zero-initialised one for this many classes; 0 removes it. Default: its own head. */
  readonly classes?: number | undefined;
  /** Called with messages about assumptions and changes. */
  readonly note?: ((text: string) => void) | undefined;
}

/**
 * Reads a network and applies changes. Throws what `readNetwork` throws, and an Error when both the spec and the
 * changes state a size.
 */
export async function readChanged(
  spec: string,
  { imageSize, classes, note }: NetworkChanges,
): Promise<{ readonly network: TrainedNetwork; readonly weights: Weights }> {
  if (imageSize !== undefined && splitSpec(spec).options.some(([name]) => name === "size")) {
    throw new Error(`${spec} states a size, and the image size ${imageSize} is given too; remove one of them`);
  }
  const network = await readNetwork(spec, { note, image: imageSize });
  const whole = asWeights(network);
  return { network, weights: classes === undefined ? whole : withClasses(whole, classes, note) };
}

export interface ConvertOptions extends NetworkChanges {
  /** Default: fovea for a .safetensors file, the .npz layout of the family for a .npz file. */
  readonly layout?: LayoutName | undefined;
  /** Number type in the file. Default: float32. */
  readonly dtype?: SaveOptions["dtype"];
  readonly overwrite?: boolean | undefined;
}

/** Describes the written file. */
export interface ConvertedNetwork {
  readonly network: string;
  readonly output: string;
  readonly layout: LayoutName;
  readonly dtype: NonNullable<SaveOptions["dtype"]>;
  readonly bytes: number;
  readonly image: Weights["image"];
  readonly config: ModelConfig;
  /** Properties that the layout cannot store. */
  readonly lost: readonly string[];
}

/** The default layout for a file extension. */
function layoutOf(output: string, family: ModelFamily): LayoutName {
  const format = output.endsWith(".npz") ? "npz" : "safetensors";
  return layouts.find((layout) => layout.format === format && layout.families.includes(family))?.name ?? "fovea";
}

/**
 * Writes the weights of a network (a run, a checkpoint, published weights) to a .safetensors or .npz file in a
 * published layout.
 *
 * Throws what reading the network throws, WeightsError for a network that the layout cannot store, and an Error for an
 * existing file.
 *
 * @example await convert("runs/one", "one.safetensors", { layout: "timm" });
 */
export async function convert(spec: string, output: string, options: ConvertOptions = {}): Promise<ConvertedNetwork> {
  const { dtype = "float32", note } = options;
  if (!/\.(safetensors|npz)$/.test(output)) {
    throw new Error(`"${output}" ends in neither .safetensors nor .npz; for an ONNX file export the network`);
  }
  refuseExisting(output, options.overwrite);
  const { network, weights } = await readChanged(spec, options);
  const layout = options.layout ?? layoutOf(output, weights.config.family);
  makeFolder(dirname(output));
  const { lost } = await saveWeights(output, weights, layout, { dtype });
  const { size: bytes } = await stat(output);
  for (const what of lost) note?.(`not in ${output}: ${what}`);
  return { network: network.path, output, layout, dtype, bytes, image: weights.image, config: weights.config, lost };
}
