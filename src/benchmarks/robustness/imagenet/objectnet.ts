/**
 * Reads ObjectNet (Barbu et al. 2019): everyday objects in unusual places and poses, in 313 classes. Only the 113
 * classes shared with ImageNet are evaluated. A prediction is correct if its ImageNet class is one of those to which
 * the distributed mapping assigns the object's class.
 *
 * The layout is that of objectnet-1.0: `images/FOLDER/*.png`, and in `mappings/` folder_to_objectnet_label.json (folder
 * to class), objectnet_to_imagenet_1k.json (class to ImageNet's names, joined by "; "), imagenet_to_label_2012_v2 (one
 * name per line) and pytorch_to_imagenet_2012_id.json (logit to line). Every image has a red border of 1 pixel, which
 * is removed. BiT's protocol follows (papers.md 10.9): the shorter side is resized to 512 and the central 480 is
 * cropped, in proportion for networks of other sizes; with boxes, the box is used instead. The published interpolation
 * of pixels, and the way a box was resized to the network's size (here it is stretched), are not known.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readLines } from "../../../files/lines.js";
import { listFiles } from "../../../files/paths.js";
import { crop, decodeImage, describePreprocessing, preprocessing, type RawImage } from "../../../images/index.js";
import { SourceError } from "../../vtab/protocol/task.js";
import type { ImageClassifier } from "../image-classifier.js";
import { fileSource } from "./files.js";
import { type ImagenetSet, imagenetClasses, missingSet } from "./set.js";

/** Classes shared with ImageNet-1k in the published mapping. */
const sharedClasses = 113;
const border = 1;
/** BiT's sides in pixels: of the resized image, and of the crop. */
const [resized, cut] = [512, 480];

type Box = readonly [left: number, top: number, right: number, bottom: number];

export interface ObjectNetOptions {
  /**
   * CSV lines `FOLDER/FILE.png,left,top,right,bottom` in pixels of the distributed files, right and bottom exclusive;
   * images without a line are skipped. The layout in which boxes were published is not known.
   */
  readonly boxes?: string;
}

/** Opens the set below a folder. Throws SourceError when files are missing or differ from the distributed ones. */
export async function openObjectNet(folder: string, { boxes }: ObjectNetOptions = {}): Promise<ImagenetSet> {
  const root = [folder, join(folder, "objectnet-1.0")].find((one) => existsSync(join(one, "mappings")));
  if (root === undefined) throw new SourceError(missingSet("objectnet", folder, "there is no folder mappings"));
  const { labelOfFolder, acceptedOf } = readMappings(root, folder);
  const images = join(root, "images");
  if (!existsSync(images)) throw new SourceError(missingSet("objectnet", folder, "there is no folder images"));
  const boxOf = boxes === undefined ? undefined : await readBoxes(boxes);
  const classNames = [...acceptedOf.keys()].sort();
  const numbers = new Map(classNames.map((name, i) => [name, i]));
  const { files } = await listFiles(images);
  const chosen = files.flatMap((file) => {
    const [own, name, ...more] = file.split(/[\\/]/);
    if (name === undefined || more.length > 0 || !name.toLowerCase().endsWith(".png")) return [];
    const label = numbers.get(labelOfFolder.get(own!) ?? "");
    const box = boxOf?.get(`${own}/${name}`);
    return label === undefined || (boxOf && !box) ? [] : [{ path: join(images, file), label, box }];
  });
  if (chosen.length === 0)
    throw new SourceError(missingSet("objectnet", folder, "no image of a class that ImageNet has was found in images"));
  const labels = Int32Array.from(chosen, ({ label }) => label);
  return {
    name: boxOf ? "objectnet-boxes" : "objectnet",
    title: "ObjectNet",
    source: fileSource({
      name: "ObjectNet",
      classNames,
      paths: chosen.map(({ path }) => path),
      labels,
      change: async (index, bytes) => {
        const { path, box } = chosen[index]!;
        const image = (await decodeImage({ kind: "encoded", bytes }, path)) as RawImage;
        return withoutBorder(image, box);
      },
    }),
    accepted: (index) => acceptedOf.get(classNames[labels[index]!]!)!,
    preprocessing: (classifier) => objectNetPreprocessing(classifier, boxOf !== undefined),
    notes:
      acceptedOf.size === sharedClasses
        ? []
        : [`the mapping has ${acceptedOf.size} classes shared with ImageNet; published: ${sharedClasses}`],
  };
}

/** The image without its border, or the part of it within a box. */
export function withoutBorder(image: RawImage, box?: Box): RawImage {
  const { height, width } = image;
  const [left, top, right, bottom] = box ?? [0, 0, width, height];
  const from = { top: Math.max(border, top), left: Math.max(border, left) };
  const size = {
    height: Math.min(height - border, bottom) - from.top,
    width: Math.min(width - border, right) - from.left,
  };
  if (size.height < 1 || size.width < 1)
    throw new Error(
      `the image of ${height}x${width} pixels is empty without the border${box ? ` in the box ${box.join(", ")}` : ""}`,
    );
  return crop(image, { ...from, ...size });
}

/**
 * BiT's resize and crop in proportion to the network's size, or the whole box; then the network's own pixel scaling.
 */
export function objectNetPreprocessing(
  { imageShape: [height, width], preprocessing: own }: Pick<ImageClassifier, "imageShape" | "preprocessing">,
  boxes: boolean,
): string {
  const small = Math.round((Math.max(height, width) * resized) / cut);
  const geometry = boxes
    ? `resize(${height},${width},antialias=true)`
    : `resize_small(${small},method=bilinear,antialias=true)|central_crop(${height},${width})`;
  const values = preprocessing(own).filter(({ name }) => ["value_range", "standardise", "grey"].includes(name));
  return describePreprocessing([...preprocessing(`decode|${geometry}`), ...values]);
}

function readMappings(root: string, folder: string) {
  const path = (name: string): string => join(root, "mappings", name);
  const names = ["folder_to_objectnet_label.json", "objectnet_to_imagenet_1k.json", "pytorch_to_imagenet_2012_id.json"];
  for (const name of [...names, "imagenet_to_label_2012_v2"]) {
    if (!existsSync(path(name)))
      throw new SourceError(missingSet("objectnet", folder, `${basename(root)}/mappings/${name} is missing`));
  }
  const [labels, shared, logits] = names.map((name) => readObject(path(name))) as [Mapping, Mapping, Mapping];
  const lines = readFileSync(path("imagenet_to_label_2012_v2"), "utf8")
    .split("\n")
    .map((line) => line.trim());
  while (lines.at(-1) === "") lines.pop();
  // Lines are counted from 0, unless the ids run from 1 to the number of lines.
  const ids = Object.values(logits).map(Number);
  const base = !ids.includes(0) && ids.includes(lines.length) ? 1 : 0;
  const logitOf = new Map(Object.entries(logits).map(([logit, id]) => [lines[Number(id) - base], Number(logit)]));
  const acceptedOf = new Map(
    Object.entries(shared).map(([label, joined]) => [
      label,
      String(joined)
        .split("; ")
        .map((name) => {
          const logit = logitOf.get(name.trim());
          if (logit === undefined || !(Number.isInteger(logit) && logit >= 0 && logit < imagenetClasses)) {
            throw new SourceError(
              `${path(names[1]!)}: "${name}" of ${label} is not a class of ImageNet in imagenet_to_label_2012_v2 and ${names[2]}`,
            );
          }
          return logit;
        }),
    ]),
  );
  return { labelOfFolder: new Map(Object.entries(labels).map(([own, label]) => [own, String(label)])), acceptedOf };
}

type Mapping = Readonly<Record<string, unknown>>;

function readObject(path: string): Mapping {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Mapping;
  } catch (error) {
    throw new SourceError(`${path} is not JSON: ${(error as Error).message}`);
  }
  throw new SourceError(`${path} is not a JSON object`);
}

async function readBoxes(path: string): Promise<ReadonlyMap<string, Box>> {
  const found = new Map<string, Box>();
  let number = 0;
  await readLines(path, (line) => {
    number++;
    if (line.trim() === "") return;
    const [file, ...sides] = line.split(",").map((cell) => cell.trim());
    const [left, top, right, bottom] = sides.map(Number) as [number, number, number, number];
    if (sides.length !== 4 || !(left < right && top < bottom)) {
      throw new SourceError(`${path}:${number}: "${line}" is not FOLDER/FILE.png,left,top,right,bottom`);
    }
    found.set(file!, [left, top, right, bottom]);
  });
  return found;
}
