/** Runs a network on one image. */
import { type ImageInput, readImage } from "../../data/index.js";
import { ExampleError, preprocessImage } from "../../images/index.js";
import type { Network } from "./network.js";

/**
 * The output of a network for one image [width], by its own preprocessing. The network runs a whole batch: open it with `batchSize: 1` for this.
 *
 * Throws what reading and decoding the image throw, and ExampleError for an output with NaN or infinities.
 */
export async function rowOfImage(network: Network, input: ImageInput): Promise<Float32Array> {
  const { preprocessing, imageShape, batchSize, width, output } = network;
  const { id, image } = await readImage(input);
  const { data } = await preprocessImage(preprocessing, image, { id });
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  if (data.length !== size) {
    throw new ExampleError(id, `has ${data.length} values after "${preprocessing}"; the network takes ${size}`);
  }
  const batch = new Float32Array(batchSize * size);
  batch.set(data);
  const rows = await network.run({ image: batch });
  const row = rows.slice(0, width);
  if (!row.every(Number.isFinite)) throw new ExampleError(id, `the ${output} contain NaN or infinities`);
  return row;
}
