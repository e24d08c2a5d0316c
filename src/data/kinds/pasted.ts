/**
 * Composes objects out of context: every foreground (an image with transparency) is pasted onto every background. BiT's dataset of this
 * kind (papers.md 10.9) has 81 foregrounds on 41 backgrounds, 3,321 images. Its images are not published, so users provide their own.
 *
 * `composed:foregrounds/?backgrounds=folder/`: foregrounds are in folders by class, backgrounds anywhere below their folder. The background
 * covers a square of `size` pixels and is cropped to it. The foreground without its transparent margin is resized to `scale` times that
 * size, keeping its aspect ratio, and pasted at the centre. BiT's placement of objects is not known.
 */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { closable } from "../../files/closable.js";
import { licenceFilesIn, listFiles, requirePath } from "../../files/paths.js";
import {
  blankLike,
  crop,
  decodeResize,
  decodeWithAlpha,
  ExampleError,
  type RawImage,
  rawImage,
  resample,
} from "../../images/index.js";
import { imageName, layOut } from "../source/layout.js";
import { numberOption, wholeNumberOption } from "../source/option-values.js";
import { checkIndex, type ImageSet, type ImageSource, type SourceKind, type SpecTarget } from "../source/types.js";

export const composedKind: SourceKind = {
  summary: "foregrounds on backgrounds, all pairs: composed:FOREGROUNDS?backgrounds=FOLDER&size=480&scale=0.6",
  options: ["backgrounds", "size", "scale"],
  recognises: () => false,
  read: readComposed,
};

async function readComposed(target: SpecTarget): Promise<ImageSet> {
  const { path: root, spec, options } = target;
  const where = options["backgrounds"];
  if (where === undefined) throw new Error(`"${spec}" has no backgrounds; add ?backgrounds=FOLDER, a folder of images`);
  for (const folder of [root, where]) {
    requirePath(folder);
    if (!statSync(folder).isDirectory()) throw new Error(`"${folder}" of "${spec}" is a file; expected a folder`);
  }
  const size = wholeNumberOption(target, "size", 480, 8, 4096);
  const scale = numberOption(target, "scale", 0.6, 0.01, 1);
  const { files, problems } = await listFiles(root);
  const layout = layOut(root, files);
  const backgrounds = (await listFiles(where)).files.filter((file) => imageName.test(file));
  if (backgrounds.length === 0)
    throw new Error(`there are no images in "${where}", the backgrounds of "${spec}"; expected at least one`);
  return {
    splits: [...layout.splits.keys()],
    problems: [...problems, ...layout.problems],
    licenceFiles: [...licenceFilesIn(root), ...licenceFilesIn(where)],
    open: async (split) => {
      const { files: foregrounds, labels } = layout.splits.get(split)!;
      const source = { name: `${root} on ${where}`, length: foregrounds.length * backgrounds.length };
      const pair = (index: number) => ({
        label: labels[Math.floor(index / backgrounds.length)]!,
        front: join(root, foregrounds[Math.floor(index / backgrounds.length)]!),
        back: join(where, backgrounds[index % backgrounds.length]!),
      });
      let closed = false;
      const idOf = (index: number): string => {
        const { front, back } = pair(index);
        return `${front} on ${back}`;
      };
      return closable<ImageSource>({
        ...source,
        split,
        classNames: layout.classNames,
        labels: Int32Array.from({ length: source.length }, (_, index) => pair(index).label),
        recipe: { kind: "open", spec, split },
        idOf,
        get: async (index) => {
          checkIndex(source, index);
          if (closed) throw new Error(`${root} is closed; ${idOf(index)} cannot be read any more`);
          const { label, front, back } = pair(index);
          const [object, ground] = await Promise.all([bytesOf(front), bytesOf(back)]);
          const canvas = (await decodeResize(ground, back, size, size)) as RawImage;
          const cut = withoutMargin(await decodeWithAlpha(object, front), front);
          return { id: idOf(index), label, image: laidOn(canvas, cut, Math.max(1, Math.round(scale * size))) };
        },
        close: async () => {
          closed = true;
        },
      });
    },
  };
}

async function bytesOf(path: string) {
  try {
    return { kind: "encoded", bytes: new Uint8Array(await readFile(path)) } as const;
  } catch (error) {
    throw new ExampleError(path, `cannot be read (${error instanceof Error ? error.message : error})`, error);
  }
}

/** Crops to the bounding box of all pixels that are not fully transparent. */
function withoutMargin(image: RawImage, id: string): RawImage {
  const { data, height, width } = image;
  let [top, left, bottom, right] = [height, width, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 4 + 3] === 0) continue;
      [top, left] = [Math.min(top, y), Math.min(left, x)];
      [bottom, right] = [Math.max(bottom, y), Math.max(right, x)];
    }
  }
  if (bottom < 0) throw new ExampleError(id, "the foreground is transparent everywhere");
  return crop(image, { top, left, height: bottom - top + 1, width: right - left + 1 });
}

/**
 * Resizes an RGBA image to the longer side `side` and pastes it onto the centre of an RGB image. Colours are weighted by opacity before
 * averaging, so that the colour of transparent pixels does not tint the edge.
 */
function laidOn(canvas: RawImage, object: RawImage, side: number): RawImage {
  const weighted = blankLike(object, object.height, object.width);
  for (let i = 0; i < object.data.length; i += 4) {
    const alpha = object.data[i + 3]!;
    for (let c = 0; c < 3; c++) weighted.data[i + c] = Math.round((object.data[i + c]! * alpha) / 255);
    weighted.data[i + 3] = alpha;
  }
  const factor = side / Math.max(object.height, object.width);
  const height = Math.max(1, Math.round(object.height * factor));
  const width = Math.max(1, Math.round(object.width * factor));
  const front = resample(weighted, height, width, "bilinear", true);
  const data = canvas.data.slice();
  const [top, left] = [Math.floor((canvas.height - height) / 2), Math.floor((canvas.width - width) / 2)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 4;
      const to = ((top + y) * canvas.width + left + x) * 3;
      const hidden = 1 - front.data[from + 3]! / 255;
      for (let c = 0; c < 3; c++)
        data[to + c] = Math.min(255, Math.round(front.data[from + c]! + hidden * data[to + c]!));
    }
  }
  return rawImage(data, canvas.height, canvas.width, 3);
}
