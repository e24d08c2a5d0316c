/**
 * Reads SUN397 (Xiao et al. 2010): SUN397/a/abbey/sun_xxx.jpg, split by the lists that TFDS drew (its config "tfds").
 */
import { readFile } from "node:fs/promises";
import { decodeImage, type RawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import { linesOf, listedSplits } from "./listed.js";
import { scaled } from "./opencv.js";
import { findFile, withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

const lists: Readonly<Record<string, string>> = {
  train: "sun397_tfds_tr.txt",
  validation: "sun397_tfds_va.txt",
  test: "sun397_tfds_te.txt",
};

/** TFDS shrinks images to at most this many pixels. */
const maxPixels = 120_000;

export const sun397: VtabDefinition = {
  name: "sun397",
  title: "Sun397",
  group: "natural",
  sizes: { train: 76128, validation: 10875, test: 21750 },
  classNames: { count: 397 },
  folders: ["sun397", "SUN397"],
  cuts: { train: "train", validation: "validation", test: "test" },
  tfds: { name: "sun397", config: "tfds", version: "4.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: [
      {
        url: "https://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz",
        bytes: 39077296924,
        sha256: "f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec",
      },
      ...Object.values(lists).map((name) => ({
        url: `https://raw.githubusercontent.com/tensorflow/datasets/master/tensorflow_datasets/image_classification/${name}`,
      })),
    ],
    instructions:
      "Unpack the archive: tar -xzf SUN397.tar.gz. The three lists are also in the Python package tensorflow-datasets.",
    licence: "none stated by its authors; for research",
    order:
      "TFDS 4 (config tfds), from its records or derived for the lists from the MD5 of /class/file. Published images are shrunk to 120,000 pixels as in TFDS, but not encoded as JPEG again.",
  },
};

const tree = { root: "SUN397", marker: "a/abbey", archives: ["SUN397.tar", "SUN397.tar.gz"] };

function published(
  places: readonly string[],
  { needed, classNames: expected }: PublishedRequest,
): Promise<StoredSet | undefined> {
  return withTree(places, tree, async (files) => {
    const lines = new Map<string, string[]>();
    for (const split of needed) {
      const list = findFile([...places, files.path], [lists[split]!]);
      if (list === undefined) {
        throw new SourceError(
          `${lists[split]} must lie beside ${files.path}: the list of the split ${split}, from TFDS`,
        );
      }
      lines.set(split, linesOf(await readFile(list)));
    }
    // "/c/car_interior/backseat/sun_aenygxwhhmjtisnf.jpg" is of the class /c/car_interior/backseat.
    const classOf = (line: string): string => line.slice(0, line.lastIndexOf("/"));
    const classNames = [...new Set([...lines.values()].flat().map(classOf))].sort();
    if (classNames.length !== expected.length) {
      throw new SourceError(
        `the lists have ${classNames.length} classes; expected ${expected.length}; fetch them again`,
      );
    }
    const labelOf = new Map(classNames.map((name, i) => [name, i]));
    const splits = [...lines].map(([split, own]) => {
      const list = own.map((line) => ({
        name: line.replace(/^\//, ""),
        key: line,
        label: labelOf.get(classOf(line))!,
      }));
      return [split, list] as const;
    });
    return listedSplits(files, classNames, new Map(splits), shrunk);
  });
}

/**
 * Shrinks an image to at most 120,000 pixels, by bilinear interpolation without antialiasing like TFDS's OpenCV call.
 */
async function shrunk(bytes: Uint8Array, id: string): Promise<RawImage> {
  const image = await decodeImage({ kind: "encoded", bytes }, id);
  if (image.kind !== "raw") throw new Error("its pixels are not 8-bit");
  const pixels = image.height * image.width;
  return pixels <= maxPixels ? image : scaled(image, Math.sqrt(maxPixels / pixels));
}
