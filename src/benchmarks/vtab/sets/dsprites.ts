/** Reads dSprites (Matthey et al. 2017): 737,280 drawings of 64 x 64 pixels, one per combination of six latents. */
import { open } from "node:fs/promises";
import { derivedFile } from "../../../files/unpack.js";
import { type RawImage, rawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import { latents, openDsprites, pixelsEach } from "./dsprites-files.js";
import { dspritesClass } from "./labels.js";
import { findFile } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import { orderedSource, type StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

const side = 64;
const stem = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64";

/** The latent that is the label, and its number of values. */
const questions = {
  location: { title: "dSpr-Loc", feature: "label_x_position", column: 4, values: 32 },
  orientation: { title: "dSpr-Orient", feature: "label_orientation", column: 3, values: 40 },
};

/** Scales pixels, which every file stores as 0 and 1, to 0 and 255: the benchmark takes 1 for white. */
function whitened(image: RawImage): RawImage {
  const most = image.data.reduce((a, b) => Math.max(a, b), 0);
  return most > 1 ? image : { ...image, data: image.data.map((value) => 255 * value) };
}

function dsprites(question: keyof typeof questions): VtabDefinition {
  const { title, feature, column, values } = questions[question];
  const classOf = (value: number): number => dspritesClass(value, values);
  return {
    name: `dsprites-${question}`,
    title,
    group: "structured",
    sizes: { train: 589824, validation: 73728, test: 73728 },
    classNames: { count: 16 },
    folders: ["dsprites"],
    cuts: { train: "train[:80%]", validation: "train[80%:90%]", test: "train[90%:]" },
    tfds: {
      name: "dsprites",
      version: "2.",
      label: { ...plainLabel(feature, classOf), name: `dsprites ${feature}` },
      pixels: whitened,
    },
    parquet: { label: feature, classOf, pixels: whitened },
    published: (places, request) => published(places, request, column, classOf),
    origin: {
      files: [
        {
          url: `https://github.com/deepmind/dsprites-dataset/blob/master/${stem}.hdf5?raw=true`,
          bytes: 28024106,
          sha256: "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
        },
      ],
      instructions: `${stem}.npz with the same images is also accepted. Either file is unpacked once into the cache (377 MB).`,
      licence: "Apache-2.0",
      order: "TFDS 2, from its records or derived for the published files from the MD5 of the image's number",
    },
  };
}

export const dspritesLocation = dsprites("location");
export const dspritesOrientation = dsprites("orientation");

/** Packs eight pixels per byte, the first in the highest bit: 512 bytes per image. */
async function* packed(pixels: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let byte = 0;
  let bits = 0;
  for await (const piece of pixels) {
    const out = new Uint8Array(Math.floor((bits + piece.length) / 8));
    let to = 0;
    for (const value of piece) {
      if (value > 1) throw new Error(`it holds the pixel value ${value}; expected 0 or 1`);
      byte = (byte << 1) | value;
      if (++bits === 8) {
        out[to++] = byte;
        byte = 0;
        bits = 0;
      }
    }
    yield out;
  }
}

async function published(
  places: readonly string[],
  { classNames }: PublishedRequest,
  column: number,
  classOf: (value: number) => number,
): Promise<StoredSet | undefined> {
  const path = findFile(places, [`${stem}.hdf5`, `${stem}.npz`]);
  if (path === undefined) return undefined;
  const file = await openDsprites(path);
  let bits: string;
  let labels: Int32Array;
  try {
    labels = Int32Array.from({ length: file.count }, (_, i) => classOf(Number(file.classes[i * latents + column])));
    bits = await derivedFile(path, "dsprites", "repacked", () => packed(file.pixels()));
  } finally {
    await file.close();
  }
  const each = pixelsEach / 8;
  const handle = await open(bits, "r");
  if ((await handle.stat()).size !== labels.length * each) {
    await handle.close();
    throw new SourceError(`"${path}" has fewer pixels than its header states; fetch it again`);
  }
  const train = orderedSource(path, "train", classNames, {
    labels,
    keyOf: (index) => index,
    idOf: (index) => `${path}#${index}`,
    read: async (index) => {
      const stored = new Uint8Array(each);
      const { bytesRead } = await handle.read(stored, 0, each, index * each);
      if (bytesRead < each) throw new Error("the cached copy was truncated; remove it from the cache");
      const data = Uint8Array.from({ length: pixelsEach }, (_, i) => (stored[i >> 3]! & (128 >> (i & 7)) ? 255 : 0));
      return rawImage(data, side, side, 1);
    },
    close: () => handle.close(),
  });
  return { found: `the published file ${path}, in TFDS's order`, splits: new Map([["train", train]]) };
}
