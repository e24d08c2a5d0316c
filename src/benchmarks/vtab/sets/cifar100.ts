/** Reads CIFAR-100 (Krizhevsky 2009), the binary version: cifar-100-binary.tar.gz or its train.bin and test.bin. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ImageSource } from "../../../data/index.js";
import { cifarKind } from "../../../data/kinds/index.js";
import { findFile } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import { orderedSource, type StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

export const cifar100: VtabDefinition = {
  name: "cifar100",
  title: "CIFAR-100",
  group: "natural",
  sizes: { train: 45000, validation: 5000, test: 10000 },
  classNames: { count: 100 },
  folders: ["cifar100", "cifar-100", "cifar-100-binary"],
  cuts: { train: "train[:90%]", validation: "train[90%:]", test: "test" },
  tfds: { name: "cifar100", version: "3.", label: plainLabel() },
  parquet: { label: "fine_label" },
  published,
  origin: {
    files: [
      {
        url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        bytes: 168513733,
        sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
      },
    ],
    instructions: "The archive, packed or unpacked.",
    licence: "none stated by its author; a part of 80 Million Tiny Images",
    order: "TFDS 3, from its records or derived for the published files from the MD5 of the record's number",
  },
};

async function published(places: readonly string[], { needed }: PublishedRequest): Promise<StoredSet | undefined> {
  const unpacked = places
    .flatMap((place) => [join(place, "cifar-100-binary"), place])
    .find((folder) => existsSync(join(folder, "train.bin")) && existsSync(join(folder, "test.bin")));
  const path = unpacked ?? findFile(places, ["cifar-100-binary.tar.gz"]);
  if (path === undefined) return undefined;
  const set = await cifarKind.read({ path, spec: path, options: {} });
  const splits = new Map<string, ImageSource>();
  for (const split of needed) {
    const source = await set.open(split);
    const ordered = orderedSource(path, split, source.classNames, {
      labels: source.labels,
      keyOf: (index) => index,
      idOf: source.idOf!,
      // CIFAR's records hold decoded pixels, never encoded files.
      read: async (index) => (await source.get(index)).image,
      close: () => source.close(),
    });
    splits.set(split, ordered);
  }
  return { found: `the published files in ${path}, in TFDS's order`, splits };
}
