/** Reads EuroSAT (Helber et al. 2019): 2750/Class/Class_1.jpg, 27,000 RGB satellite images of ten land-use classes. */
import type { VtabDefinition } from "./set.js";
import { singleSplit, singleSplitOrder } from "./single-split.js";
import { plainLabel } from "./tfds.js";

export const eurosat: VtabDefinition = {
  name: "eurosat",
  title: "EuroSAT",
  group: "specialised",
  sizes: { train: 16200, validation: 5400, test: 5400 },
  classNames: [
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
  ],
  folders: ["eurosat", "EuroSAT"],
  cuts: { train: "train[:60%]", validation: "train[60%:80%]", test: "train[80%:]" },
  tfds: { name: "eurosat", config: "rgb", version: "2.", label: plainLabel() },
  parquet: {},
  published: singleSplit([
    { root: "2750", marker: "AnnualCrop", archives: ["EuroSAT.zip"] },
    { root: "EuroSAT_RGB", marker: "AnnualCrop", archives: ["EuroSAT_RGB.zip"] },
  ]),
  origin: {
    files: [
      {
        url: "http://madm.dfki.de/files/sentinel/EuroSAT.zip",
        bytes: 94280567,
        sha256: "8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd",
      },
    ],
    instructions:
      "The archive, packed or unpacked. The same images are published as EuroSAT_RGB.zip at https://zenodo.org/records/7711810.",
    licence: "MIT",
    order: singleSplitOrder("2"),
  },
};
