/**
 * Defines tasks that classify the azimuth or elevation of small objects on a turntable, after smallNORB (LeCun et al.
 * 2004). There are five kinds of toys, ten toys of each, six lightings, 18 azimuths (every 20 degrees) and nine
 * elevations (30 to 70 degrees). Images are 96 x 96 and grey. Five toys of each kind are for training and the other
 * five for testing. The toys are not smallNORB's: each is built from a few solids and has a front.
 */

import type { ImageSource } from "../../../data/index.js";
import type { Camera, Vector } from "../../../images/generated/scene/index.js";
import {
  type Colour,
  type RawImage,
  rawImage,
  renderScene,
  type SceneLayout,
  type SceneObject,
  type Shape,
} from "../../../images/index.js";
import { createRandom } from "../../../random/keyed.js";
import type { Task, TaskSplits } from "../protocol/task.js";
import { generatedSource, shuffledRange } from "./source.js";

/** smallNORB's factors; `toy` counts the toys of one split. */
export const turntableFactors = { kind: 5, toy: 5, lighting: 6, azimuth: 18, elevation: 9 } as const;
const perSplit = 5 * 5 * 6 * 18 * 9;
const side = 96;

/**
 * The scene unit of the lengths below. Toys are small because the ground of generated scenes gets darker away from the
 * centre: over a large area that gradient alone would reveal the elevation.
 */
const unit = 0.05;

/** A part of a toy; `forward` is its offset towards the front. */
interface Part {
  readonly shape: Shape;
  readonly radius: number;
  readonly forward: number;
  readonly left: number;
}

const part = (shape: Shape, radius: number, forward: number, left = 0): Part => ({ shape, radius, forward, left });

/** No kind looks the same from two sides. */
const kinds: readonly (readonly Part[])[] = [
  [part("box", 0.55, -0.15), part("sphere", 0.42, 0.85), part("cone", 0.3, -1.05)],
  [part("box", 0.6, 0.75), part("cylinder", 0.45, -0.2), part("cylinder", 0.45, -1.1)],
  [part("cylinder", 0.42, -0.1), part("cone", 0.5, 0.85), part("box", 0.3, -0.2, 0.8), part("box", 0.3, -0.2, -0.8)],
  [part("sphere", 0.72, -0.45), part("sphere", 0.34, 0.55), part("box", 0.24, 1.1)],
  [part("box", 0.4, -0.85), part("box", 0.4, 0), part("cone", 0.45, 0.95), part("cylinder", 0.32, 0.05, 0.85)],
];

/** Colours with different grey levels, from dark to bright. */
const paints = ["brown", "grey", "red", "cyan", "yellow"] as const satisfies readonly Colour[];

/** Positions of the six lamps: sideways and towards the camera, per unit of height. */
const lightings: readonly (readonly [x: number, z: number])[] = [
  [-0.8, 0.2],
  [-0.35, 0.6],
  [0, 0.15],
  [0.35, 0.6],
  [0.8, 0.2],
  [0.2, -0.5],
];

/** The content of one image. `toy` counts the toys of both splits: 0 to 4 for training, 5 to 9 for testing. */
export interface TurntableView {
  readonly kind: number;
  readonly toy: number;
  readonly lighting: number;
  readonly azimuth: number;
  readonly elevation: number;
}

/** The view of image `index` of a split, in the order of its factors. */
function viewOf(index: number, firstToy: number): TurntableView {
  const { toy, lighting, azimuth, elevation } = turntableFactors;
  return {
    azimuth: index % azimuth,
    elevation: Math.floor(index / azimuth) % elevation,
    lighting: Math.floor(index / (azimuth * elevation)) % lighting,
    toy: firstToy + (Math.floor(index / (azimuth * elevation * lighting)) % toy),
    kind: Math.floor(index / (azimuth * elevation * lighting * toy)),
  };
}

/** The parts of one toy of a kind, with its own proportions and colours. */
function toyParts(kind: number, toy: number): readonly (Part & { readonly colour: Colour })[] {
  const random = createRandom("turntable", kind, toy);
  const first = random.integer(paints.length);
  const size = random.range(0.9, 1.1);
  return kinds[kind]!.map(({ shape, radius, forward, left }, i) => ({
    shape,
    radius: unit * radius * size * random.range(0.88, 1.12),
    forward: unit * (forward * size + random.range(-0.08, 0.08)),
    left: unit * (left * size + random.range(-0.08, 0.08)),
    colour: paints[(first + 2 * i) % paints.length]!,
  }));
}

/** Renders one view to 96 x 96 grey pixels. */
export function renderTurntable(view: TurntableView): RawImage {
  const turn = (view.azimuth * 20 * Math.PI) / 180;
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  const camera = cameraAt(((30 + 5 * view.elevation) * Math.PI) / 180);
  const objects = toyParts(view.kind, view.toy).map(({ shape, radius, forward, left, colour }): SceneObject => {
    const position: Vector = [left * cos + forward * sin, radius, forward * cos - left * sin];
    const [dx, dy, dz] = position.map((value, i) => value - camera.position[i]!) as [number, number, number];
    const distance = Math.hypot(dx, dy, dz);
    // A box looks the same after a quarter turn. `pixel` is only used by scenes with annotations, so it is zero here.
    return {
      shape,
      colour,
      size: "large",
      material: "matte",
      radius,
      position,
      rotation: turn % (Math.PI / 2),
      distance,
      pixel: [0, 0],
    };
  });
  const [x, z] = lightings[view.lighting]!;
  const n = Math.hypot(x, 1, z);
  const layout: SceneLayout = { scene: { objects }, camera, light: [x / n, 1 / n, z / n], ground: [0.42, 0.42, 0.42] };
  return grey(renderScene(layout, side, side));
}

/** Places the camera at this elevation (radians above the ground), looking at the centre of the turntable. */
function cameraAt(elevation: number): Camera {
  const distance = 6.6 * unit;
  const up = Math.sin(elevation);
  const level = Math.cos(elevation);
  return {
    position: [0, 0.35 * unit + up * distance, level * distance],
    forward: [0, -up, -level],
    right: [1, 0, 0],
    up: [0, level, -up],
    focal: 2.75,
  };
}

/** Converts RGB to luma by ITU-R BT.601, as common image libraries do. */
function grey({ data, height, width }: RawImage): RawImage {
  const pixels = new Uint8Array(height * width);
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = Math.round(0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!);
  return rawImage(pixels, height, width, 1);
}

/** The task of classifying one factor; `test` limits the test images, at most 12,150. */
export function turntableTask(factor: "azimuth" | "elevation", test: number): Task {
  const classes = turntableFactors[factor];
  const classNames = Array.from({ length: classes }, (_, i) =>
    factor === "azimuth" ? `${20 * i} degrees` : `${30 + 5 * i} degrees up`,
  );
  const half = perSplit / 2;
  const source = (split: string, order: Int32Array, firstToy: number): ImageSource =>
    generatedSource({
      name: `turntable-${factor}`,
      split,
      classNames,
      pictures: order,
      label: (picture) => viewOf(picture, firstToy)[factor],
      draw: (picture) => renderTurntable(viewOf(picture, firstToy)),
    });
  return {
    name: `turntable-${factor}`,
    title: factor === "azimuth" ? "Turntable-Azim" : "Turntable-Elev",
    group: "structured",
    classes,
    like: `smallnorb-${factor}`,
    sizes: { train: perSplit, validation: half, test },
    origin: { files: [], licence: "rendered by this package (Apache-2.0)", order: "drawn once by a fixed seed" },
    // As the benchmark does with smallNORB: the first half of the test set is the validation split (papers.md 4.1).
    open: async (): Promise<TaskSplits> => {
      const held = shuffledRange(0, perSplit, "turntable test");
      return {
        train: source("train", shuffledRange(0, perSplit, "turntable train"), 0),
        validation: source("validation", held.subarray(0, half), 5),
        test: source("test", held.subarray(half, half + test), 5),
      };
    },
  };
}
