/** Reads Street View House Numbers, cropped digits (Netzer et al. 2011): train_32x32.mat and test_32x32.mat. */
import type { ImageSource } from "../../../data/index.js";
import { type MatMatrix, readMat } from "../../../formats/mat.js";
import { rawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import { findFile } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import { orderedSource, type StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

const side = 32;
const channels = 3;
const pixels = side * side;

export const svhn: VtabDefinition = {
  name: "svhn",
  title: "SVHN",
  group: "natural",
  sizes: { train: 65931, validation: 7326, test: 26032 },
  classNames: { count: 10 },
  folders: ["svhn_cropped", "svhn"],
  cuts: { train: "train[:90%]", validation: "train[90%:]", test: "test" },
  tfds: { name: "svhn_cropped", version: "3.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: [
      {
        url: "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
        bytes: 182040794,
        sha256: "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
      },
      {
        url: "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
        bytes: 64275384,
        sha256: "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
      },
    ],
    licence: "for non-commercial use",
    order: "TFDS 3, from its records or derived for the published files from the MD5 of the image's number",
  },
};

async function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  const paths = needed.map((split) => findFile(places, [`${split}_32x32.mat`]));
  const first = paths.find((path) => path !== undefined);
  if (first === undefined) return undefined;
  const splits = new Map<string, ImageSource>();
  for (const [i, split] of needed.entries()) {
    const path = paths[i];
    if (path === undefined) throw new SourceError(`${split}_32x32.mat must lie beside ${first}`);
    const matrices = await readMat(path, ["X", "y"]);
    splits.set(split, digitsOf(path, split, matrices.get("X")!, matrices.get("y")!, classNames));
  }
  return { found: `the published files beside ${first}, in TFDS's order`, splits };
}

function digitsOf(
  path: string,
  split: string,
  images: MatMatrix,
  digits: MatMatrix,
  classNames: readonly string[],
): ImageSource {
  const [height, width, planes, count = 1] = images.dimensions;
  const right = height === side && width === side && planes === channels && images.data instanceof Uint8Array;
  if (!right || digits.data.length !== count) {
    throw new SourceError(
      `"${path}" has X of shape ${images.dimensions.join(" x ")} and ${digits.data.length} labels; expected 32 x 32 x 3 x N bytes and N labels; fetch it again`,
    );
  }
  // The digit 0 is stored as 10.
  const labels = Int32Array.from(digits.data, (digit) => {
    if (!(Number.isInteger(digit) && digit >= 1 && digit <= 10))
      throw new SourceError(`"${path}" has the label ${digit}; expected 1 to 10; fetch it again`);
    return digit % 10;
  });
  const idOf = (index: number): string => `${path}#${index}`;
  return orderedSource(path, split, classNames, {
    labels,
    keyOf: (index) => index,
    idOf,
    read: async (index) => {
      // MATLAB stores arrays column by column: the row index varies fastest and the image index slowest.
      const stored = images.data.subarray(index * pixels * channels, (index + 1) * pixels * channels);
      const data = new Uint8Array(pixels * channels);
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          for (let c = 0; c < channels; c++) data[(y * side + x) * channels + c] = stored[y + side * x + pixels * c]!;
      return rawImage(data, side, side, channels);
    },
  });
}
