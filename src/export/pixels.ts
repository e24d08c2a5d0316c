/**
 * Translates a preprocessing string to the terms of other software: mean and deviation, size, crop.
 */
import { preprocessing } from "../images/index.js";
import { largest } from "../text/arrays.js";
import type { PixelScaling } from "./trace.js";

/** Scaling, resize and crop of an image for a network. */
export interface PixelPreparation {
  readonly scaling: PixelScaling;
  /** Resize to exactly this size, or so that the shorter side is this; undefined: no resize. */
  readonly resize: { readonly height: number; readonly width: number } | { readonly shortestEdge: number } | undefined;
  /** Resize method; other software has no area method, which is replaced by bilinear. */
  readonly kernel: "bilinear" | "bicubic";
  /** Crop the centre. */
  readonly crop: { readonly height: number; readonly width: number } | undefined;
  /** Ops that other software does not have. */
  readonly untold: readonly string[];
}

/** The range -1 to 1, in which published Vision Transformers, Mixers and BiT expect images (papers.md 1.1, 2.1). */
export const defaultScaling: PixelScaling = { mean: [0.5], deviation: [0.5] };

/**
 * Translates a preprocessing string; without one, images are resized to the network's size and scaled to -1 to 1. Throws the errors of parsing
 * the string.
 */
export function pixelPreparation(
  text: string | undefined,
  image: { readonly height: number; readonly width: number },
): PixelPreparation {
  const whole = { height: image.height, width: image.width };
  if (text === undefined) {
    return { scaling: defaultScaling, resize: whole, kernel: "bilinear", crop: undefined, untold: [] };
  }
  // Without a value_range, the network's input is unscaled pixels, 0 to 255.
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
        // y = (x - in_min) k + vmin with k = (vmax - vmin) / (in_max - in_min), and x = 255 p: y = (p - mean) / deviation.
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
  // An image that is neither resized nor cropped must still be brought to the network's size.
  if (!resize && !crop) resize = whole;
  return { scaling, resize, kernel, crop, untold };
}
