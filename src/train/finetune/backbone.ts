/** What fine-tuning needs to know of a backbone and of images before it begins. */

import { existsSync, readdirSync, statSync } from "node:fs";
import type { ImageSource } from "../../data/index.js";
import { imageHeader } from "../../images/index.js";
import { readNetwork, type TrainedNetwork } from "../../networks/index.js";
import { TransferError } from "./method.js";

/**
 * Reads the network at a path that can be trained on: a run folder, weights, `hf:OWNER/NAME` (see `readNetwork`, whose errors it
 * throws). Throws TransferError for an ONNX file, whose parameters are constants of a graph.
 */
export async function readTrainable(path: string, note?: (text: string) => void): Promise<TrainedNetwork> {
  if (isOnnx(path))
    throw new TransferError(
      `${path} is an ONNX file: it can be run but not trained. Put a classifier on its features with \`fovea fit photos/ --backbone ${path}\`, or fine-tune the weights it was exported from (a run folder, .safetensors, .npz, hf:OWNER/NAME)`,
    );
  if (/^pixels:/.test(path) && !existsSync(path))
    throw new TransferError(
      `${path} has nothing to train; put a classifier on the pixels with \`fovea fit photos/ --backbone ${path}\`, or fine-tune a network (a run folder, .safetensors, .npz, hf:OWNER/NAME)`,
    );
  return await readNetwork(path, { note });
}

/** An ONNX file, or a folder of nothing else that could be trained on. */
function isOnnx(path: string): boolean {
  if (/\.onnx(\?.*)?$/i.test(path)) return true;
  if (!existsSync(path) || !statSync(path).isDirectory()) return false;
  const names = readdirSync(path);
  return (
    names.some((name) => /\.onnx$/i.test(name)) && !names.some((name) => /(\.safetensors|\.npz|\.json)$/.test(name))
  );
}

/** Images that are looked at to know the size of a source's. */
const looked = 25;

/**
 * Height and width of a source's images in pixels: of the one with the median area among up to 25, spread evenly over the
 * source. Only their headers are read. Throws TransferError when none of them can be read.
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
  throw new TransferError(`none of the ${count} images of ${source.name} that were looked at could be read: ${reason}`);
}
