/**
 * Test-time augmentation: averages logits over five crops (the corners and the centre) of an image slightly larger than
 * the network's input, each in four rotations: 20 views in all, as for pseudo-labels (Zhai et al., arXiv:1905.03670;
 * papers.md 10.4). The image is 256/224 of the network's size, as in evaluation (papers.md 5.6).
 */
import { addAll, fourRotations, reduceMean, reshape, scale, slice, type Tensor } from "../../graph/index.js";
import { describePreprocessing, preprocessing } from "../../images/index.js";
import { type ModelConfig, model as network } from "../../models/index.js";
import type { Scope } from "../../nn/index.js";

export interface TestViews {
  /** 1: the central crop alone, at the network's own size. */
  readonly crops: 1 | 5;
  /** 1: the image without rotation. */
  readonly rotations: 1 | 4;
}

type Sides = readonly [height: number, width: number, channels: number];

/** The sides of the image from which the crops are cut. */
export function sidesOfViews([height, width, channels]: Sides, { crops }: TestViews): Sides {
  const wider = (side: number) => (crops === 1 ? side : Math.round((side * 256) / 224));
  return [wider(height), wider(width), channels];
}

/** The ops that determine the size and the channels of an image; a single op replaces them. */
const geometric = /^(decode|decode_resize|resize|resize_small|central_crop|random_crop|inception_crop|to_rgb|grey)$/;

/** A network's evaluation preprocessing in its string form, for images with the sides from which the crops are cut. */
export function preprocessingOfViews(given: string, sides: Sides, views: TestViews): string {
  if (views.crops === 1) return given;
  const [height, width, channels] = sidesOfViews(sides, views);
  const size = height === width ? `${height}` : `${height},${width}`;
  const others = preprocessing(given).filter(({ name }) => !geometric.test(name));
  return describePreprocessing([...preprocessing(`decode_resize(${size},channels=${channels})`), ...others]);
}

/**
 * Mean logits [N, K] over the views of images [N, H, W, C] of `sidesOfViews`. Throws RangeError for rotations of images
 * that are not square.
 */
export function logitsOfViews(
  scope: Scope,
  image: Tensor,
  config: ModelConfig,
  sides: Sides,
  views: TestViews,
): Tensor {
  const [height, width, channels] = sides;
  if (views.rotations === 4 && height !== width) {
    throw new RangeError(`images of ${height} x ${width} cannot be rotated by 90 degrees; set rotations to 1`);
  }
  const [count, allRows, allColumns] = image.shape as [number, number, number];
  const [down, right] = [allRows - height, allColumns - width];
  const middle = [Math.floor(down / 2), Math.floor(right / 2)] as const;
  const corners = [
    [0, 0],
    [0, right],
    [down, 0],
    [down, right],
  ] as const;
  const places = views.crops === 1 ? [middle] : [...corners, middle];
  // crop by crop, so that only the intermediates of one are in memory at a time
  const logits = places.map(([top, left]) => {
    const crop = slice(image, [0, top, left, 0], [count, top + height, left + width, channels]);
    const found = network(scope, views.rotations === 4 ? fourRotations(crop) : crop, config).logits!;
    return reduceMean(reshape(found, [views.rotations, count, config.classes]), 0);
  });
  return scale(addAll(logits), 1 / places.length);
}
