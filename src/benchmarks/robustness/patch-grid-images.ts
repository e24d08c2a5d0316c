/** The images of the patch-grid study: where an object stands in each, and the training and test source made of them. */

import type { ImageSource } from "../../data/index.js";
import type { RawImage } from "../../images/index.js";
import { createRandom } from "../../random/keyed.js";
import { smallest } from "../../text/arrays.js";
import { generatedSource } from "../vtab/embedded/source.js";
import { type Mask, objectClasses, objectMask, paintScene } from "./patch-grid-scene.js";

/** What the images follow from. */
export interface PatchGridImageOptions {
  /** Side of the patches in pixels of the network's input. */
  readonly patchSize: number;
  /** Side of the objects; default: three quarters of a patch, at least 5 pixels, so that an object in the middle lies within one patch. */
  readonly objectSide?: number;
  /** Pixels between offsets; default: an eighth of a patch. */
  readonly stride?: number;
  /** Test objects of each class; default: 8. */
  readonly objects?: number;
  /** Training objects of each class; default: 50. */
  readonly trained?: number;
  readonly seed?: number;
}

/** The options with their defaults, and what follows from them. */
export interface PatchGridSettings {
  readonly patchSize: number;
  /** Side of the objects. */
  readonly side: number;
  /** Offsets of the top left pixel within a patch, along each axis. */
  readonly offsets: readonly number[];
  /** The offset at which an object is in the middle of a patch. */
  readonly middle: number;
  readonly objects: number;
  readonly trained: number;
  readonly seed: number;
}

/** Where an object stands: the patch that its offsets count from, and the offset of its top left pixel. */
export interface Placement {
  readonly cell: readonly [y: number, x: number];
  readonly offset: readonly [y: number, x: number];
}

/** Every placement of a test object: at each offset in the home cell, then in the middle of its four neighbours. */
export interface Placements {
  readonly all: readonly Placement[];
  isHome(placement: Placement): boolean;
  /** The index of the placement in the middle of the home cell. */
  readonly middle: number;
}

/** Distance in pixels of a centre at `offset + side / 2` to the nearest multiple of the patch size. */
export function borderDistance(offset: number, side: number, patchSize: number): number {
  const centre = (((offset + side / 2) % patchSize) + patchSize) % patchSize;
  return Math.min(centre, patchSize - centre);
}

/** The number of images that `measurePatchGrid` shows the network. */
export function patchGridImages(options: PatchGridImageOptions): number {
  const { trained, objects, offsets } = patchGridSettings(options);
  return objectClasses.length * (trained + objects * (offsets.length ** 2 + 4));
}

/** Fills in defaults. Throws for sizes and counts that cannot be. */
export function patchGridSettings(options: PatchGridImageOptions): PatchGridSettings {
  const { patchSize, objectSide, stride, objects = 8, trained = 50, seed = 0 } = options;
  const side = objectSide ?? Math.max(5, Math.round(0.75 * patchSize));
  const step = stride ?? Math.max(1, Math.floor(patchSize / 8));
  for (const [name, value] of Object.entries({ patchSize, objectSide: side, stride: step, objects, trained }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new Error(`patch grid: ${name} is ${value}; give a whole number from 1`);
  if (patchSize < 2) throw new Error("patch grid: patches of one pixel have no inside to compare their borders with");
  if (side < 5) throw new Error(`patch grid: objects of ${side} pixels cannot be distinguished; give 5 or more`);
  if (objects * objectClasses.length < 2) throw new Error("patch grid: give two objects or more");
  const middle = ((Math.floor((patchSize - side) / 2) % patchSize) + patchSize) % patchSize;
  const offsets = Array.from({ length: Math.ceil(patchSize / step) }, (_, i) => (middle + i * step) % patchSize);
  return { patchSize, side, offsets, middle, objects, trained, seed };
}

/** The rows and columns of cells that an object may stand in, so that it stays inside the image at every offset. */
type Cells = readonly [rows: number, columns: number];

/** The cells of an image. Throws when it holds less than two of them along an axis. */
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
  // The middle cell, so that a move of a whole patch stays inside.
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
 * The training source (objects at random places) and the test source (each object at every placement, one after the other) for
 * images of [height, width] pixels. Throws when they do not hold two patches and an object more in each direction.
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
