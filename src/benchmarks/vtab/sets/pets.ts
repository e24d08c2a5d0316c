/** Reads Oxford-IIIT Pet (Parkhi et al. 2012): images/Breed_1.jpg, split by annotations/trainval.txt and test.txt. */
import { SourceError } from "../protocol/task.js";
import { type ListedFile, linesOf, listedSplits } from "./listed.js";
import { withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

const lists: Readonly<Record<string, string>> = { train: "trainval.txt", test: "test.txt" };

export const pets: VtabDefinition = {
  name: "pets",
  title: "Pets",
  group: "natural",
  sizes: { train: 2944, validation: 736, test: 3669 },
  classNames: { count: 37 },
  folders: ["oxford_iiit_pet", "pets", "oxford-iiit-pet"],
  cuts: { train: "train[:80%]", validation: "train[80%:]", test: "test" },
  tfds: { name: "oxford_iiit_pet", version: "3.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: [
      {
        url: "http://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
        bytes: 791918971,
        sha256: "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
      },
      {
        url: "http://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
        bytes: 19173078,
        sha256: "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
      },
    ],
    instructions: "The archives, packed or unpacked (folders images and annotations).",
    licence: "CC BY-SA 4.0",
    order: "TFDS 3, from its records or derived for the published lists from the MD5 of the file's name",
  },
};

const annotationsTree = {
  root: "annotations",
  marker: "trainval.txt",
  archives: ["annotations.tar.gz", "annotations.tar"],
};

async function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  const annotations = await withTree(places, annotationsTree, async (files) => {
    const lines = new Map<string, string[]>();
    for (const split of needed) lines.set(split, linesOf(await files.read(lists[split]!)));
    await files.close();
    return { path: files.path, lines };
  });
  if (!annotations) return undefined;
  const { path, lines } = annotations;
  const names = [...classNames];
  // "Abyssinian_100 1 1 1": image, breed from 1, species, breed within the species.
  const parse = (split: string, line: string): ListedFile => {
    const [, image = "", breed] = /^(\S+) (\d+) \d+ \d+$/.exec(line) ?? [];
    const label = Number(breed) - 1;
    if (!(label >= 0 && label < names.length))
      throw new SourceError(
        `"${path}", ${lists[split]}: the line "${line}" has no image and breed; expected NAME BREED ...`,
      );
    names[label] = image.replace(/_\d+$/, "");
    return { name: `${image}.jpg`, label };
  };
  const splits = new Map<string, ListedFile[]>();
  for (const [split, own] of lines) {
    splits.set(
      split,
      own.filter((line) => !line.startsWith("#")).map((line) => parse(split, line)),
    );
  }
  const marker = splits.get("train")?.[0]?.name ?? "Abyssinian_1.jpg";
  const tree = { root: "images", marker, archives: ["images.tar.gz", "images.tar"] };
  const found = await withTree(places, tree, async (files) => listedSplits(files, names, splits));
  if (!found) throw new SourceError(`images.tar.gz (or its folder images) must lie beside ${path}`);
  return found;
}
