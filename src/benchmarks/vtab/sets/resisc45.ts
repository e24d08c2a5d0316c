/**
 * Reads NWPU-RESISC45 (Cheng et al. 2017): NWPU-RESISC45/class/class_001.jpg, 31,500 aerial images of 45 scene classes.
 */
import type { VtabDefinition } from "./set.js";
import { singleSplit, singleSplitOrder } from "./single-split.js";
import { plainLabel } from "./tfds.js";

export const resisc45: VtabDefinition = {
  name: "resisc45",
  title: "Resisc45",
  group: "specialised",
  sizes: { train: 18900, validation: 6300, test: 6300 },
  classNames: { count: 45 },
  folders: ["resisc45", "NWPU-RESISC45"],
  cuts: { train: "train[:60%]", validation: "train[60%:80%]", test: "train[80%:]" },
  tfds: { name: "resisc45", version: "3.", label: plainLabel() },
  parquet: {},
  published: singleSplit([{ root: "NWPU-RESISC45", marker: "airplane", archives: ["NWPU-RESISC45.zip"] }]),
  origin: {
    files: [{ url: "https://1drv.ms/u/s!AmgKYzARBl5ca3HNaHIlzp_IXjs" }],
    instructions: "NWPU-RESISC45.rar must be unpacked: unrar x NWPU-RESISC45.rar",
    licence: "none stated by its authors",
    order: singleSplitOrder("3"),
  },
};
