/** What the tests of the loader share: copies of batches, and two folders of pictures, one of them with faults. */
import { join } from "node:path";
import type { Batch, Loader, LoaderOptions, LoaderPosition } from "../../src/data/index.js";
import { detailedJpeg, flat, write } from "./pictures.js";

export interface Seen {
  readonly indices: number[];
  readonly label: number[];
  readonly mask: number[];
  readonly image: number[];
  readonly epoch: number;
  readonly position: LoaderPosition;
}

/** A copy: the arrays themselves may be written again. */
export function copy({ indices, label, mask, image, epoch, position }: Batch): Seen {
  return { indices: [...indices], label: [...label], mask: [...mask], image: [...image], epoch, position };
}

export async function collect(loader: Loader, most = Number.POSITIVE_INFINITY): Promise<Seen[]> {
  const seen: Seen[] = [];
  try {
    while (seen.length < most) {
      const batch = await loader.next();
      if (!batch) break;
      seen.push(copy(batch));
      loader.recycle(batch);
    }
  } finally {
    await loader.close();
  }
  return seen;
}

export const training: LoaderOptions = {
  batchSize: 4,
  preprocessing: "decode|random_crop(6)|flip_lr|value_range(-1,1)",
  seed: 7,
};

/** Writes 23 good pictures to `images`, and the same with two broken ones among them to `faulty`. */
export async function writeLoaderFolders(root: string): Promise<void> {
  const images: Record<string, Uint8Array> = {};
  for (let i = 0; i < 23; i++) images[`${["a", "b", "c"][i % 3]}/${i}.png`] = await flat(10 * i);
  write(join(root, "images"), images);
  const broken = { "a/broken.png": "this is not an image", "b/cut.jpg": (await detailedJpeg()).subarray(0, 2000) };
  write(join(root, "faulty"), { ...images, ...broken });
}
