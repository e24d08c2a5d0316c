/**
 * What a preprocessing string says about pixels, in the terms of other software: a mean and deviation, a size, a crop.
 */
import { preprocessing } from "../images/index.js";
import { largest } from "../text/arrays.js";
import type { PixelScaling } from "./trace.js";

/** How an image is brought to the network's size and scale. */
export interface PixelPreparation {
  readonly scaling: PixelScaling;
  /** Resize to exactly this, or so that the shorter side is this; undefined: not at all. */
  readonly resize: { readonly height: number; readonly width: number } | { readonly shortestEdge: number } | undefined;
  /** How it is resized: other software has no area method, bilinear stands for it. */
  readonly kernel: "bilinear" | "bicubic";
  /** Cut the middle out. */
  readonly crop: { readonly height: number; readonly width: number } | undefined;
  /** Ops that other software has no words for. */
  readonly untold: readonly string[];
}

/** The range -1 to 1, in which published Vision Transformers, Mixers and BiT see images (papers.md 1.1, 2.1). */
export const defaultScaling: PixelScaling = { mean: [0.5], deviation: [0.5] };

/**
 * Reads a preprocessing string; without one, images are resized to the network's size and scaled to -1 to 1. Throws what
 * reading the string throws.
 */
export function pixelPreparation(
  text: string | undefined,
  image: { readonly height: number; readonly width: number },
): PixelPreparation {
  const whole = { height: image.height, width: image.width };
  if (text === undefined) {
    return { scaling: defaultScaling, resize: whole, kernel: "bilinear", crop: undefined, untold: [] };
  }
  // Without a value_range the network sees pixels as they are, 0 to 255.
  let scaling: PixelScaling = { mean: [0], deviation: [1 / 255] };
  let resize: PixelPreparation["resize"];
  let kernel: PixelPreparation["kernel"] = "bilinear";
  let crop: PixelPreparation["crop"];
  const untold: string[] = [];
  for (const { name, args, text: written } of preprocessing(text)) {
    const number = (key: string): number => args[key] as number;
    const sides = { height: number("size"), width: (args["width"] ?? args["size"]) as number };
    if (name === "resize" || name === "resize_small") kernel = args["method"] === "bicubic" ? "bicubic" : "bilinear";
    switch (name) {
      case "decode":
      case "to_rgb":
      case "grey":
        break;
      case "decode_resize":
        if (args["fit"] === "cover") {
          resize = { shortestEdge: Math.max(sides.height, sides.width) };
          crop = sides;
        } else resize = sides;
        break;
      case "resize":
        resize = sides;
        if (args["half_pixel_centers"] === false) untold.push(written);
        break;
      case "resize_small":
        resize = { shortestEdge: number("size") };
        break;
      case "central_crop":
        crop = sides;
        break;
      case "value_range": {
        // y = (x - in_min) k + vmin with k = (vmax - vmin) / (in_max - in_min), and x = 255 p: y = (p - mean) / deviation
        const ends = ["vmin", "vmax"].map((key) => [args[key] as number | number[]].flat()) as [number[], number[]];
        const count = largest(ends.map(({ length }) => length));
        const channels = Array.from({ length: count }, (_, c) => {
          const [low, high] = ends.map((values) => values[c] ?? values[0]!) as [number, number];
          const k = (high - low) / (number("in_max") - number("in_min"));
          const deviation = 1 / (255 * k);
          const mean = (k * number("in_min") - low) * deviation;
          return { mean: mean === 0 ? 0 : mean, deviation };
        });
        scaling = { mean: channels.map(({ mean }) => mean), deviation: channels.map(({ deviation }) => deviation) };
        break;
      }
      default:
        untold.push(written);
    }
  }
  // What is neither resized nor cut has to be brought to size somehow.
  if (!resize && !crop) resize = whole;
  return { scaling, resize, kernel, crop, untold };
}
