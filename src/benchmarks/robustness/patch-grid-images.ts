/** Generates the images of the patch-grid study: the positions of the object, and the training and test sources. */

import type { ImageSource } from "../../data/index.js";
import type { RawImage } from "../../images/index.js";
import { createRandom } from "../../random/keyed.js";
import { smallest } from "../../text/arrays.js";
import { generatedSource } from "../vtab/embedded/source.js";
import { type Mask, objectClasses, objectMask, paintScene } from "./patch-grid-scene.js";

/** The options that determine the images. */
export interface PatchGridImageOptions {
  /** Side of the patches in pixels of the network's input. */
  readonly patchSize: number;
  /**
   * Side of the objects in pixels; default: three quarters of a patch, at least 5, so that a centred object lies within
   * one patch.
   */
  readonly objectSide?: number;
  /** Pixels between offsets; default: an eighth of a patch. */
  readonly stride?: number;
  /** Test objects of each class; default: 8. */
  readonly objects?: number;
  /** Training objects of each class; default: 50. */
  readonly trained?: number;
  readonly seed?: number;
}

/** The options with their defaults, and derived values. */
export interface PatchGridSettings {
  readonly patchSize: number;
  /** Side of the objects in pixels. */
  readonly side: number;
  /** Offsets of the top left pixel within a patch, along each axis. */
  readonly offsets: readonly number[];
  /** The offset at which an object is centred in a patch. */
  readonly middle: number;
  readonly objects: number;
  readonly trained: number;
  readonly seed: number;
}

/** The position of an object: the patch that its offsets count from, and the offset of its top left pixel. */
export interface Placement {
  readonly cell: readonly [y: number, x: number];
  readonly offset: readonly [y: number, x: number];
}

/** Every placement of a test object: at each offset in the home cell, then centred in its four neighbours. */
export interface Placements {
  readonly all: readonly Placement[];
  isHome(placement: Placement): boolean;
  /** The index of the centred placement in the home cell. */
  readonly middle: number;
}

/** Distance in pixels from a centre at `offset + side / 2` to the nearest multiple of the patch size. */
export function borderDistance(offset: number, side: number, patchSize: number): number {
  const centre = (((offset + side / 2) % patchSize) + patchSize) % patchSize;
  return Math.min(centre, patchSize - centre);
}

/** The number of images that `measurePatchGrid` classifies. */
export function patchGridImages(options: PatchGridImageOptions): number {
  const { trained, objects, offsets } = patchGridSettings(options);
  return objectClasses.length * (trained + objects * (offsets.length ** 2 + 4));
}

/** Fills in defaults. Throws for invalid sizes and counts. */
export function patchGridSettings(options: PatchGridImageOptions): PatchGridSettings {
  const { patchSize, objectSide, stride, objects = 8, trained = 50, seed = 0 } = options;
  const side = objectSide ?? Math.max(5, Math.round(0.75 * patchSize));
  const step = stride ?? Math.max(1, Math.floor(patchSize / 8));
  for (const [name, value] of Object.entries({ patchSize, objectSide: side, stride: step, objects, trained }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new Error(`patch grid: ${name} is ${value}; give a whole number from 1`);
  if (patchSize < 2)
    throw new Error("patch grid: the patch size is 1 pixel; expected at least 2, so that a patch has an interior");
  if (side < 5) throw new Error(`patch grid: objects of ${side} pixels cannot be distinguished; give at least 5`);
  if (objects * objectClasses.length < 2) throw new Error("patch grid: too few objects; give at least two");
  const middle = ((Math.floor((patchSize - side) / 2) % patchSize) + patchSize) % patchSize;
  const offsets = Array.from({ length: Math.ceil(patchSize / step) }, (_, i) => (middle + i * step) % patchSize);
  return { patchSize, side, offsets, middle, objects, trained, seed };
}

/** The numbers of rows and columns of cells in which an object stays inside the image at every offset. */
type Cells = readonly [rows: number, columns: number];

/** The cells of an image. Throws when there are fewer than two along an axis. */
function cellsOf(height: number, width: number, { side, patchSize }: PatchGridSettings): Cells {
  const count = (length: number) => Math.floor((length - side - patchSize) / patchSize);
  const cells = [count(height), count(width)] as const;
  if (smallest(cells) < 2)
    throw new Error(
      `patch grid: images of ${height} x ${width} hold too few patches of ${patchSize} to move an object of ${side}; give a larger --image-size or smaller patches`,
    );
  return cells;
}

function placementsOf([rows, columns]: Cells, { offsets, middle }: PatchGridSettings): Placements {
  // The central cell, so that a shift by a whole patch stays inside.
  const home: readonly [number, number] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  const moves = [
    [-1, 0],
    [1, 0],
    [0, -1],
    [0, 1],
  ] as const;
  const all: Placement[] = [
    ...offsets.flatMap((y) => offsets.map((x): Placement => ({ cell: home, offset: [y, x] }))),
    ...moves.map(([y, x]): Placement => ({ cell: [home[0] + y, home[1] + x], offset: [middle, middle] })),
  ];
  const isHome = ({ cell }: Placement): boolean => cell === home;
  return {
    all,
    isHome,
    middle: all.findIndex((one) => isHome(one) && one.offset[0] === middle && one.offset[1] === middle),
  };
}

/**
 * The training source (objects at random positions) and the test source (each object at every placement, consecutively)
 * for images of [height, width] pixels. Throws when the images are smaller than two patches and an object in a
 * direction.
 */
export function patchGridSources([height, width]: readonly [number, number, ...number[]], settings: PatchGridSettings) {
  const { patchSize, side, objects, trained, seed } = settings;
  const cells = cellsOf(height, width, settings);
  const placements = placementsOf(cells, settings);
  const masks = objectClasses.map((name) => objectMask(name, side));
  const classes = objectClasses.length;
  const draw = (role: string, object: number, { cell, offset }: Placement): RawImage =>
    paintScene({
      height,
      width,
      mask: masks[object % classes] as Mask,
      top: cell[0] * patchSize + offset[0],
      left: cell[1] * patchSize + offset[1],
      random: createRandom("patch grid", seed, role, object),
    });
  const anywhere = (object: number): Placement => {
    const random = createRandom("patch grid place", seed, object);
    return {
      cell: [random.integer(cells[0] + 1), random.integer(cells[1] + 1)],
      offset: [random.integer(patchSize), random.integer(patchSize)],
    };
  };
  const source = (split: string, length: number, objectOf: (i: number) => number, placeOf: (i: number) => Placement) =>
    generatedSource({
      name: "patch grid",
      split,
      classNames: objectClasses,
      pictures: Int32Array.from({ length }, (_, i) => i),
      label: (i) => objectOf(i) % classes,
      draw: (i) => draw(split, objectOf(i), placeOf(i)),
    });
  const shown = placements.all.length;
  const train: ImageSource = source("train", classes * trained, (i) => i, anywhere);
  const test: ImageSource = source(
    "test",
    classes * objects * shown,
    (i) => Math.floor(i / shown),
    (i) => placements.all[i % shown]!,
  );
  return { train, test, placements };
}
