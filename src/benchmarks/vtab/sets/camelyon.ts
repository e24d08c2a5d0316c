/**
 * Reads PatchCamelyon (Veeling et al. 2018): patches of lymph nodes as HDF5, with one file of images x and one of
 * labels y per split.
 */
import type { ImageSource } from "../../../data/index.js";
import { closeOnError } from "../../../files/closable.js";
import { openHdf5 } from "../../../formats/hdf5.js";
import { rawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import { findFile } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import { orderedSource, type StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

const side = 96;
const channels = 3;

/** The names of the splits in file names and in TFDS's keys. */
const storedNames: Readonly<Record<string, string>> = { train: "train", validation: "valid", test: "test" };
const checksums: Readonly<Record<string, readonly [bytes: number, sha256: string]>> = {
  train_x: [6421353462, "d619e741468a7ab35c7e4a75e6821b7e7e6c9411705d45708f2a0efc8960656c"],
  train_y: [21378, "b74126d2c01b20d3661f9b46765d29cf4e4fba6faba29c8e0d09d406331ab75a"],
  valid_x: [805965320, "f82ee1670d027b4ec388048d9eabc2186b77c009655dae76d624c0ecb053ccb2"],
  valid_y: [3038, "ce1ae30f08feb468447971cfd0472e7becd0ad96d877c64120c72571439ae48c"],
  test_x: [800875929, "79174c2201ad521602a5888be8f36ee10875f37403dd3f2086caf2182ef87245"],
  test_y: [3040, "0a522005fccc8bbd04c5a117bfaf81d8da2676f03a29d7499f71d0a0bd6068ef"],
};

export const camelyon: VtabDefinition = {
  name: "camelyon",
  title: "Camelyon",
  group: "specialised",
  sizes: { train: 262144, validation: 32768, test: 32768 },
  classNames: ["no tumour", "tumour"],
  folders: ["patch_camelyon", "pcam", "PatchCamelyon"],
  cuts: { train: "train", validation: "validation", test: "test" },
  tfds: { name: "patch_camelyon", version: "2.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: Object.entries(checksums).map(([name, [bytes, sha256]]) => ({
      url: `https://zenodo.org/record/2546921/files/camelyonpatch_level_2_split_${name}.h5.gz`,
      bytes,
      sha256,
    })),
    instructions: "Unpack them: gunzip camelyonpatch_level_2_split_*.h5.gz",
    licence: "CC0-1.0",
    order: "TFDS 2, from its records or derived for the published files from the MD5 of split_number",
  },
};

async function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  const fileOf = (split: string, part: "x" | "y"): string =>
    `camelyonpatch_level_2_split_${storedNames[split]}_${part}.h5`;
  const names = needed.flatMap((split) => [fileOf(split, "x"), fileOf(split, "y")]);
  const all = findFile(places, [...names, ...names.map((name) => `${name}.gz`)]);
  if (all === undefined) return undefined;
  const pathOf = (split: string, part: "x" | "y"): string => {
    const name = fileOf(split, part);
    const path = findFile(places, [name]) ?? findFile(places, [`${name}.gz`]);
    if (path === undefined) throw new SourceError(`${name} must lie beside ${all}`);
    return path;
  };
  const splits = new Map<string, ImageSource>();
  await closeOnError(splits.values(), async () => {
    for (const split of needed) {
      const labels = await labelsIn(pathOf(split, "y"));
      splits.set(split, await patches(pathOf(split, "x"), split, labels, classNames));
    }
  });
  return { found: `the published files beside ${all}, in TFDS's order`, splits };
}

/** Reads labels, which are stored as N x 1 x 1 x 1. */
async function labelsIn(path: string): Promise<Int32Array> {
  using file = await openHdf5(path);
  const labels = file.array("y");
  const count = labels.shape[0]!;
  const values = Int32Array.from(labels.read(0, count) as ArrayLike<number>, Number);
  if (values.length !== count || values.some((label) => label !== 0 && label !== 1))
    throw new SourceError(`"${path}" has labels other than 0 and 1, or several per image; fetch it again`);
  return values;
}

async function patches(
  path: string,
  split: string,
  labels: Int32Array,
  classNames: readonly string[],
): Promise<ImageSource> {
  const file = await openHdf5(path);
  return await closeOnError(file, async () => {
    const images = file.array("x");
    const [count, ...shape] = images.shape;
    if (shape.join() !== [side, side, channels].join() || count !== labels.length) {
      throw new SourceError(
        `"${path}" has images of shape ${images.shape.join(" x ")} and ${labels.length} labels; expected N x 96 x 96 x 3 and N; fetch both files again`,
      );
    }
    return orderedSource(path, split, classNames, {
      labels,
      keyOf: (index) => `${storedNames[split]}_${index}`,
      idOf: (index) => `${path}#${index}`,
      read: async (index) => {
        const pixels = images.read(index, index + 1) as Uint8Array;
        return rawImage(Uint8Array.from(pixels), side, side, channels);
      },
      close: async () => file.close(),
    });
  });
}
