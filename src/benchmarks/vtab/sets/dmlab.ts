/**
 * Reads DMLab (Zhai et al. 2019): DeepMind Lab frames labelled by distance and reward, published as TFRecords in TFDS's
 * format.
 */
import { SourceError } from "../protocol/task.js";
import { findFile } from "./places.js";
import type { VtabDefinition } from "./set.js";
import { plainLabel } from "./tfds.js";

export const dmlab: VtabDefinition = {
  name: "dmlab",
  title: "DMLab",
  group: "structured",
  sizes: { train: 65550, validation: 22628, test: 22735 },
  classNames: { count: 6 },
  folders: ["dmlab"],
  cuts: { train: "train", validation: "validation", test: "test" },
  // The published records differ from TFDS's only in their order, which is that of the file names.
  tfds: { name: "dmlab", version: "2.0.1", label: plainLabel(), key: "filename" },
  parquet: {},
  // Unpacked records are found by the search for TFDS's records, so only the archive is handled here.
  published: async (places) => {
    const path = findFile(places, ["dmlab.tar.gz"]);
    if (path !== undefined) throw new SourceError(`unpack ${path} beside itself: tar -xzf dmlab.tar.gz`);
    return undefined;
  },
  origin: {
    files: [
      {
        url: "https://storage.googleapis.com/dmlab-vtab/dmlab.tar.gz",
        bytes: 3017022789,
        sha256: "638b18fa69a5d61bbc310cd0b87ac603a39f41de0fdb07b6e77de274a24480a4",
      },
    ],
    instructions: "Unpack it: tar -xzf dmlab.tar.gz",
    licence: "none stated by its authors (the benchmark's code is under Apache-2.0)",
    order: "TFDS 2.0.1, from its records or derived for the published ones from the MD5 of the file's name",
  },
};
