/**
 * Reads Diabetic Retinopathy (Kaggle and EyePACS 2015): train/NAME.jpeg with trainLabels.csv, test/NAME.jpeg with the
 * published solution.
 */
import { readFile } from "node:fs/promises";
import { decodeImage, type EncodedImage, encodeJpeg } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import { btgraham } from "./btgraham.js";
import { type ListedFile, linesOf, listedSplits } from "./listed.js";
import { findFile, withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

/** The label files, the image folders, and the usage whose lines count (all lines if there is no usage). */
const lists = {
  train: { labels: "trainLabels.csv", folder: "train", usage: undefined },
  validation: { labels: "retinopathy_solution.csv", folder: "test", usage: "Public" },
  test: { labels: "retinopathy_solution.csv", folder: "test", usage: "Private" },
} as const;

export const retinopathy: VtabDefinition = {
  name: "retinopathy",
  title: "Retinopathy",
  group: "specialised",
  sizes: { train: 35126, validation: 10906, test: 42670 },
  classNames: ["none", "mild", "moderate", "severe", "proliferative"],
  folders: ["diabetic_retinopathy_detection", "diabetic-retinopathy", "retinopathy"],
  cuts: { train: "train", validation: "validation", test: "test" },
  tfds: {
    name: "diabetic_retinopathy_detection",
    config: "btgraham-300",
    version: "3.",
    label: plainLabel(),
  },
  parquet: {},
  published,
  origin: {
    files: [
      { url: "https://www.kaggle.com/c/diabetic-retinopathy-detection/data" },
      {
        url: "https://storage.googleapis.com/kaggle-forum-message-attachments/90528/2877/retinopathy_solution.csv",
        bytes: 1181257,
        sha256: "a6af3d66804e81887da89b9261bcfb7da4f5bacedb070f1b5db83fa879ab60c9",
      },
    ],
    instructions:
      "Kaggle requires an account. Join and unpack train.zip.001 ... and test.zip.001 ... into folders train and test, unpack trainLabels.csv.zip, and put the solution beside them.",
    licence: "the rules of the competition: for research and education",
    order:
      "TFDS 3 (config btgraham-300), from its records or derived for the published files from the MD5 of the image's name. Published images are prepared in the same way when they are read; pixels differ from OpenCV's by at most two levels.",
  },
};

async function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  const marker = lists.train.labels;
  const path = findFile(places, [marker]);
  if (path === undefined) return undefined;
  const splits = new Map<string, ListedFile[]>();
  for (const split of needed as (keyof typeof lists)[]) {
    const { labels, folder, usage } = lists[split];
    const own = findFile(places, [labels]);
    if (own === undefined) throw new SourceError(`${labels} must lie beside ${path}`);
    const rows = rowsOf(own, linesOf(await readFile(own)), classNames.length);
    const chosen = rows.filter((row) => usage === undefined || row.usage === usage);
    splits.set(
      split,
      chosen.map(({ image, label }) => ({ name: `${folder}/${image}.jpeg`, key: image, label })),
    );
  }
  return withTree(places, { root: ".", marker, archives: [] }, async (files) =>
    listedSplits(files, classNames, splits, prepared),
  );
}

interface Row {
  readonly image: string;
  readonly label: number;
  readonly usage: string | undefined;
}

/** Parses lines "10_left,0" or "1_left,0,Private" under the header "image,level" or "image,level,Usage". */
function rowsOf(path: string, [header = "", ...lines]: readonly string[], classes: number): Row[] {
  const columns = header.split(",");
  const [image, level, usage] = ["image", "level", "Usage"].map((name) => columns.indexOf(name)) as [
    number,
    number,
    number,
  ];
  if (image < 0 || level < 0) throw new SourceError(`"${path}" has no columns "image" and "level"; fetch it again`);
  return lines.map((line, i) => {
    const values = line.split(",");
    const label = Number(values[level]);
    if (!/^\w+$/.test(values[image] ?? "") || !(Number.isInteger(label) && label >= 0 && label < classes))
      throw new SourceError(
        `"${path}", line ${i + 2}: "${line}" is not an image and its level; expected NAME,LEVEL with a level from 0 to ${classes - 1}`,
      );
    return { image: values[image]!, label, usage: values[usage] };
  });
}

async function prepared(bytes: Uint8Array, id: string): Promise<EncodedImage> {
  const image = await decodeImage({ kind: "encoded", bytes }, id);
  if (image.kind !== "raw") throw new Error("its pixels are not 8-bit");
  return { kind: "encoded", bytes: await encodeJpeg(btgraham(image), 72) };
}
