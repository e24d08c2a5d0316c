/** The preprocessing of images in the few-shot protocol. */
import type { Network } from "../../networks/index.js";

/**
 * Sides in big_vision's few-shot evaluator: resized to 256 ignoring the aspect ratio, then cropped to the central 224.
 */
const protocol = { resize: 256, crop: 224 };

/**
 * The preprocessing of the published few-shot results, `decode|resize(256)|central_crop(224)|value_range(-1,1)`
 * (big_vision, configs/common_fewshot.py; papers.md 6). It is scaled in proportion for backbones with other input
 * sizes, and has the backbone's own value range.
 */
export function fewShotPreprocessing({
  imageShape: [height, width, channels],
  preprocessing,
}: Pick<Network, "imageShape" | "preprocessing">): string {
  const range = [...preprocessing.matchAll(/(?:value_range|standardise)\((?:[^()]|\([^()]*\))*\)/g)].at(-1)?.[0];
  const larger = (side: number) => Math.round((side * protocol.resize) / protocol.crop);
  const sides = (h: number, w: number) => (h === w ? `${h}` : `${h},${w}`);
  return [
    channels === 3 ? "decode" : `decode(${channels})`,
    `resize(${sides(larger(height), larger(width))})`,
    `central_crop(${sides(height, width)})`,
    ...(range ? [range] : []),
  ].join("|");
}
