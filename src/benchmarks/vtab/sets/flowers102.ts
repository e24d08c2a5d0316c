/**
 * Reads Oxford Flowers 102 (Nilsback and Zisserman 2008): jpg/image_00001.jpg, with labels and splits as MATLAB
 * matrices.
 */
import { readMat } from "../../../formats/mat.js";
import { SourceError } from "../protocol/task.js";
import { listedSplits } from "./listed.js";
import { findFile, withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

/** The matrices of image numbers in setid.mat by TFDS's names of the splits. */
const lists: Readonly<Record<string, string>> = { train: "trnid", validation: "valid", test: "tstid" };

export const flowers102: VtabDefinition = {
  name: "flowers102",
  title: "Flowers102",
  group: "natural",
  sizes: { train: 1020, validation: 1020, test: 6149 },
  classNames: { count: 102 },
  folders: ["oxford_flowers102", "flowers102", "flowers-102"],
  cuts: { train: "train", validation: "validation", test: "test" },
  tfds: { name: "oxford_flowers102", version: "2.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: [
      {
        url: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz",
        bytes: 344862509,
        sha256: "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
      },
      {
        url: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat",
        bytes: 502,
        sha256: "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
      },
      {
        url: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/setid.mat",
        bytes: 14989,
        sha256: "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
      },
    ],
    instructions: "The archive of images, packed or unpacked (a folder jpg), with the two .mat files beside it.",
    licence: "none stated by its authors",
    order: "TFDS 2, from its records or derived for the published lists from the MD5 of the file's name",
  },
};

const tree = { root: "jpg", marker: "image_00001.jpg", archives: ["102flowers.tgz", "102flowers.tar"] };

async function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  const matrices = ["imagelabels.mat", "setid.mat"];
  const [labelsPath, setsPath] = matrices.map((name) => findFile(places, [name]));
  const beside = labelsPath ?? setsPath;
  if (beside === undefined) return undefined;
  if (labelsPath === undefined || setsPath === undefined) {
    throw new SourceError(`${labelsPath === undefined ? "imagelabels.mat" : "setid.mat"} must lie beside ${beside}`);
  }
  const labels = (await readMat(labelsPath, ["labels"])).get("labels")!.data;
  const sets = await readMat(setsPath, Object.values(lists));
  const listOf = (split: string) =>
    Array.from(sets.get(lists[split]!)!.data, (number) => {
      const label = (labels[number - 1] ?? 0) - 1;
      if (!(Number.isInteger(label) && label >= 0 && label < classNames.length)) {
        throw new SourceError(
          `"${labelsPath}" has no label for the image ${number} of "${setsPath}"; fetch both files again`,
        );
      }
      return { name: `image_${String(number).padStart(5, "0")}.jpg`, label };
    });
  const splits = new Map(needed.map((split) => [split, listOf(split)]));
  const found = await withTree(places, tree, async (files) => listedSplits(files, classNames, splits));
  if (!found) throw new SourceError(`102flowers.tgz (or its folder jpg) must lie beside ${beside}`);
  return found;
}
