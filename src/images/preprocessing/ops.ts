/** Defines the preprocessing ops: names, parameters and transforms; names and defaults are big_vision's. */

import type { Arguments, Parameter } from "../augment/arguments.js";
import { augmentDefinitions } from "../augment/definitions.js";
import { type OpDefinition, onPixels } from "../augment/op.js";
import { decodeImage, decodeResize, type Fit } from "../decode.js";
import { type PixelImage, toGrey, toRgb } from "../image.js";
import { resample } from "../resample.js";
import { crop, flipLeftRight, type Rectangle, resizeArea, resizeBilinear } from "../resize.js";
import { roundToEven, sampleCrop } from "./crop-sampler.js";

const size: Parameter = { name: "size", type: "size" };
const width: Parameter = { name: "width", type: "size", default: null, written: "byPlace" };
const areaMin: Parameter = { name: "area_min", type: "number", default: 5, minimum: 0, maximum: 100 };
const areaMax: Parameter = { name: "area_max", type: "number", default: 100, minimum: 0, maximum: 100 };
const ratioMin: Parameter = { name: "ratio_min", type: "number", default: 0.75, minimum: 0.01, maximum: 100 };
// 1.33, not 4/3, is the default of the TensorFlow op.
const ratioMax: Parameter = { name: "ratio_max", type: "number", default: 1.33, minimum: 0.01, maximum: 100 };
const method: Parameter = {
  name: "method",
  type: "choice",
  choices: ["bilinear", "area", "bicubic"],
  default: "bilinear",
};
const antialias: Parameter = { name: "antialias", type: "choice", choices: [true, false], default: false };
const halfPixelCenters: Parameter = {
  name: "half_pixel_centers",
  type: "choice",
  choices: [true, false],
  default: true,
};

/** All ops by name. */
export const opDefinitions: Readonly<Record<string, OpDefinition>> = {
  decode: {
    summary: "decode the file to upright 8-bit pixels with 3 channels (1 for grey, 0 to keep a raw image's own)",
    random: false,
    changesImage: true,
    parameters: [{ name: "channels", type: "choice", choices: [3, 1, 0], default: 3, written: "byPlace" }],
    create: (args) => async (record) => ({
      ...record,
      image: await decodeImage(record.image, record.id, args["channels"] as 0 | 1 | 3),
    }),
  },
  decode_resize: {
    summary:
      "decode and resize in one go, antialiased and fast on large files; cover cuts the middle out, fill stretches",
    random: false,
    changesImage: true,
    parameters: [
      size,
      width,
      { name: "fit", type: "choice", choices: ["cover", "fill"], default: "cover" },
      { name: "channels", type: "choice", choices: [3, 1], default: 3 },
    ],
    create: (args) => {
      const [height, wide] = heightAndWidth(args);
      const fit = args["fit"] as Fit;
      const channels = args["channels"] as 1 | 3;
      return async (record) => ({
        ...record,
        image: await decodeResize(record.image, record.id, height, wide, fit, channels),
      });
    },
  },
  resize: {
    summary:
      "resize to size x size, or size x width; bilinear without antialias, half-pixel centres (TensorFlow 1's resize with half_pixel_centers=false)",
    random: false,
    changesImage: true,
    parameters: [size, width, method, antialias, halfPixelCenters],
    create: (args) => {
      const [height, wide] = heightAndWidth(args);
      const resize = resizing("resize", args);
      return onPixels("resize", (image) => resize(image, height, wide));
    },
  },
  resize_small: {
    summary:
      "resize so that the smaller side is `size`, keeping the aspect ratio, by the area method; the longer side is rounded, or cut to whole pixels as torchvision does (rounding=floor)",
    random: false,
    changesImage: true,
    parameters: [
      size,
      { ...method, default: "area" },
      antialias,
      { name: "rounding", type: "choice", choices: ["even", "floor"], default: "even" },
    ],
    create: (args) => {
      const small = args["size"] as number;
      const resize = resizing("resize_small", args);
      return onPixels("resize_small", (image) => {
        const short = Math.min(image.height, image.width);
        const factor = small / short;
        // torchvision: int(size * long / short).
        const side = (from: number) =>
          args["rounding"] === "floor" ? Math.floor((small * from) / short) : Math.max(1, roundToEven(from * factor));
        return resize(image, side(image.height), side(image.width));
      });
    },
  },
  central_crop: {
    summary:
      "cut size x size (or size x width) out of the middle; without a size the largest square; half pixels are cut off, or rounded to even as torchvision does (rounding=even)",
    random: false,
    changesImage: true,
    parameters: [
      { ...size, default: null, written: "byPlace" },
      width,
      { name: "rounding", type: "choice", choices: ["floor", "even"], default: "floor" },
    ],
    create: (args) =>
      onPixels("central_crop", (image) => {
        const square = Math.min(image.height, image.width);
        const [h, w] = args["size"] === null ? [square, square] : heightAndWidth(args);
        fits("central_crop", image, h, w);
        // papers.md 5.6: offset = (H - h) // 2; torchvision: int(round((H - h) / 2.0)), which rounds halves to even.
        const half = args["rounding"] === "even" ? roundToEven : Math.floor;
        return crop(image, {
          top: half((image.height - h) / 2),
          left: half((image.width - w) / 2),
          height: h,
          width: w,
        });
      }),
  },
  random_crop: {
    summary: "cut size x size (or size x width) out of a random place",
    random: true,
    changesImage: true,
    parameters: [size, width],
    create: (args) => {
      const [h, w] = heightAndWidth(args);
      return onPixels("random_crop", (image, random) => {
        fits("random_crop", image, h, w);
        const top = random.integer(image.height - h + 1);
        return crop(image, { top, left: random.integer(image.width - w + 1), height: h, width: w });
      });
    },
  },
  inception_crop: {
    summary: "cut out a random area (per cent of the image) and aspect ratio, then resize bilinearly to size x size",
    random: true,
    changesImage: true,
    parameters: [{ ...size, default: null, written: "byPlace" }, areaMin, areaMax, ratioMin, ratioMax],
    create: (args) => {
      const number = (name: string): number => args[name] as number;
      const limits = {
        areaMin: number("area_min") / 100,
        areaMax: number("area_max") / 100,
        ratioMin: number("ratio_min"),
        ratioMax: number("ratio_max"),
      };
      if (limits.areaMin > limits.areaMax) throw new Error("inception_crop: area_min is above area_max; swap them");
      if (limits.ratioMin > limits.ratioMax) throw new Error("inception_crop: ratio_min is above ratio_max; swap them");
      const target = args["size"] as number | null;
      return onPixels("inception_crop", (image, random) => {
        const box: Rectangle = sampleCrop(image.height, image.width, limits, random);
        return target === null ? crop(image, box) : resizeBilinear(image, target, target, box);
      });
    },
  },
  flip_lr: {
    summary: "mirror left to right with a probability (default: one half)",
    random: true,
    changesImage: true,
    parameters: [{ name: "probability", type: "number", default: 0.5, minimum: 0, maximum: 1, written: "byPlace" }],
    create: (args) => {
      const probability = args["probability"] as number;
      return onPixels("flip_lr", (image, random) => (random.uniform() < probability ? flipLeftRight(image) : image));
    },
  },
  value_range: {
    summary: "turn pixels 0..255 (in_min..in_max) into numbers from vmin to vmax, each one or a tuple by channel",
    random: false,
    changesImage: true,
    parameters: [
      { name: "vmin", type: "numbers", default: -1, written: "always" },
      { name: "vmax", type: "numbers", default: 1, written: "always" },
      { name: "in_min", type: "number", default: 0 },
      { name: "in_max", type: "number", default: 255 },
    ],
    create: (args) => {
      const scales = valueScales(args);
      return onPixels("value_range", (image) => {
        const problem = scalesProblem(scales.length, image.channels);
        if (problem !== undefined) throw new Error(problem);
        const data = new Float32Array(image.data.length);
        for (let c = 0; c < scales.length; c++) {
          const scale = scales[c]!;
          for (let i = c; i < data.length; i += scales.length) data[i] = scale(image.data[i]!);
        }
        return { kind: "float", data, height: image.height, width: image.width, channels: image.channels };
      });
    },
  },
  to_rgb: {
    summary: "make the image three channels",
    random: false,
    changesImage: true,
    parameters: [],
    create: () => onPixels("to_rgb", toRgb),
  },
  grey: {
    summary: "make the image one channel: BT.601 luminance",
    random: false,
    changesImage: true,
    parameters: [],
    create: () => onPixels("grey", toGrey),
  },
  ...augmentDefinitions,
  onehot: {
    summary:
      "turn the label into a vector of `depth` targets: `on` at its class (at each of several), `off` elsewhere; soft labels of the source lie between the two",
    random: false,
    changesImage: false,
    parameters: [
      { name: "depth", type: "integer", minimum: 1 },
      { name: "on", type: "number", default: 1 },
      { name: "off", type: "number", default: 0 },
    ],
    create: (args) => {
      const depth = args["depth"] as number;
      const [on, off] = [args["on"] as number, args["off"] as number];
      return (record) => {
        if (record.labels) {
          if (record.labels.length !== depth)
            throw new Error(
              `onehot(${depth}) does not fit the ${record.labels.length} targets of ${record.id}; leave it out, the source brings them`,
            );
          return { ...record, labels: record.labels.map((target) => off + (on - off) * target) };
        }
        const labels = new Float32Array(depth).fill(off);
        for (const label of typeof record.label === "number" ? [record.label] : record.label) {
          if (!(Number.isInteger(label) && label >= 0 && label < depth)) {
            throw new Error(
              `onehot(${depth}) cannot hold the label ${label} of ${record.id}; labels must be whole numbers from 0 to ${depth - 1}`,
            );
          }
          labels[label] = on;
        }
        return { ...record, labels };
      };
    },
  },
  keep: {
    summary: "keep only the named fields of the record (image, label, labels; its id always stays)",
    random: false,
    changesImage: false,
    parameters: [{ name: "names", type: "names" }],
    create: (args) => {
      const names = args["names"] as readonly string[];
      const unknown = names.filter((name) => !["id", "image", "label", "labels"].includes(name));
      if (unknown.length > 0)
        throw new Error(`keep: unknown field ${unknown.join(", ")}; a record has id, image, label, labels`);
      if (!names.includes("image"))
        throw new Error("keep: a batch is made of images, so image must be among the names");
      return (record) => {
        const labels = names.includes("labels") ? record.labels : undefined;
        return {
          id: record.id,
          image: record.image,
          label: names.includes("label") ? record.label : -1,
          labels,
        };
      };
    },
  },
};

/**
 * The functions of `value_range`, one for all channels or one each, with the float32 steps of the reference:
 * (x - in_min) / (in_max - in_min) * (vmax - vmin) + vmin.
 */
export function valueScales(args: Arguments): ((x: number) => number)[] {
  const each = (name: string): number[] => [args[name] as number | number[]].flat().map(Math.fround);
  const [lows, highs] = [each("vmin"), each("vmax")];
  const [inLow, inHigh] = [each("in_min")[0]!, each("in_max")[0]!];
  const inSpan = Math.fround(inHigh - inLow);
  if (inSpan === 0) throw new Error("value_range: in_min and in_max must differ");
  const count = Math.max(lows.length, highs.length);
  if (![lows, highs].every(({ length }) => length === 1 || length === count)) {
    throw new Error(`value_range: vmin is of ${lows.length} channels, vmax of ${highs.length}`);
  }
  return Array.from({ length: count }, (_, c) => {
    const low = lows[lows.length === 1 ? 0 : c]!;
    const span = Math.fround(highs[highs.length === 1 ? 0 : c]! - low);
    return (x) => Math.fround(low + Math.fround(Math.fround(Math.fround(x - inLow) / inSpan) * span));
  });
}

/** Error message if the channels of a `value_range` and of an image differ; undefined if they match. */
export const scalesProblem = (scales: number, channels: number): string | undefined =>
  scales === 1 || scales === channels
    ? undefined
    : `value_range has numbers for ${scales} channels, the image has ${channels}; put to_rgb or grey before it`;

type Resize = (image: PixelImage, height: number, width: number) => PixelImage;

/** Bilinear without antialias and area are TensorFlow's (resize.ts); bicubic, and all methods with antialias, are Pillow's (resample.ts). */
function resizing(name: string, args: Arguments): Resize {
  const kernel = args["method"] as "bilinear" | "bicubic" | "area";
  const smooth = args["antialias"] as boolean;
  const centred = args["half_pixel_centers"] !== false;
  if (!centred && (kernel !== "bilinear" || smooth)) {
    throw new Error(`${name}: half_pixel_centers=false is for bilinear without antialias`);
  }
  if (kernel === "area") {
    if (smooth) throw new Error(`${name}: the area method averages by itself; antialias is for bilinear and bicubic`);
    return resizeArea;
  }
  if (kernel === "bilinear" && !smooth)
    return (image, height, width) => resizeBilinear(image, height, width, undefined, centred);
  return (image, height, width) => resample(image, height, width, kernel, smooth);
}

function heightAndWidth(args: Arguments): [number, number] {
  const height = args["size"] as number;
  return [height, (args["width"] as number | null) ?? height];
}

function fits(name: string, image: PixelImage, height: number, width: number): void {
  if (image.height >= height && image.width >= width) return;
  throw new Error(
    `${name} of ${height}x${width} does not fit into the ${image.height}x${image.width} image; resize first`,
  );
}
