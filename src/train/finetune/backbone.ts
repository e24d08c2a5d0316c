/** Reads the backbone and measures the images before a fine-tuning. */

import { existsSync, readdirSync, statSync } from "node:fs";
import type { ImageSource } from "../../data/index.js";
import { imageHeader } from "../../images/index.js";
import { readNetwork, type TrainedNetwork } from "../../networks/index.js";
import { TransferError } from "./method.js";

/**
 * Reads a network that can be trained: a run folder, weights, `hf:OWNER/NAME` (see `readNetwork`, whose errors it
 * throws). Throws TransferError for an ONNX file, whose parameters are constants of a graph.
 */
export async function readTrainable(path: string, note?: (text: string) => void): Promise<TrainedNetwork> {
  if (isOnnx(path))
    throw new TransferError(
      `${path} is an ONNX file, which can be run but not trained; fit a classifier on its features with \`fovea fit photos/ --backbone ${path}\`, or fine-tune the weights it was exported from (a run folder, .safetensors, .npz, hf:OWNER/NAME)`,
    );
  if (/^pixels:/.test(path) && !existsSync(path))
    throw new TransferError(
      `${path} has no parameters to train; fit a classifier on the pixels with \`fovea fit photos/ --backbone ${path}\`, or fine-tune a network (a run folder, .safetensors, .npz, hf:OWNER/NAME)`,
    );
  return await readNetwork(path, { note });
}

/** Whether a path is an ONNX file, or a folder without anything else that could be trained. */
function isOnnx(path: string): boolean {
  if (/\.onnx(\?.*)?$/i.test(path)) return true;
  if (!existsSync(path) || !statSync(path).isDirectory()) return false;
  const names = readdirSync(path);
  return (
    names.some((name) => /\.onnx$/i.test(name)) && !names.some((name) => /(\.safetensors|\.npz|\.json)$/.test(name))
  );
}

/** Number of images whose size is read to estimate the size of a source's images. */
const looked = 25;

/**
 * The typical height and width of a source's images in pixels: those of the image with the median area among up to 25,
 * spread evenly over the source. Only file headers are read. Throws TransferError when none of them can be read.
 */
export async function typicalImageSize(source: ImageSource): Promise<readonly [height: number, width: number]> {
  const count = Math.min(looked, source.length);
  const sizes: (readonly [number, number])[] = [];
  let reason = "";
  for (let i = 0; i < count; i++) {
    try {
      const { image, id } = await source.get(Math.floor((i * source.length) / count));
      const { height, width } = await imageHeader(image, id);
      sizes.push([height, width]);
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  sizes.sort((a, b) => a[0] * a[1] - b[0] * b[1]);
  const median = sizes[Math.floor(sizes.length / 2)];
  if (median) return median;
  throw new TransferError(`none of the ${count} sampled images of ${source.name} could be read: ${reason}`);
}
