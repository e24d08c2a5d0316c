/** The shared grid: every family, size and subset of the upstream data, trained once and read by many studies. */

import type { Job } from "./job.js";
import { type Family, families, type Size, sizes } from "./scale.js";
import type { Run, StudyContext } from "./study.js";
import { commonRecipe, type TrainingJob, trainingJob } from "./training-job.js";

/** A cell of the grid. */
export interface Cell {
  readonly family: Family;
  readonly size: Size;
  /** Number of upstream images. */
  readonly images: number;
  readonly seed: number;
}

/** The job that trains one cell. */
export function gridJob(context: StudyContext, { family, size, images, seed }: Cell): TrainingJob {
  const title = `${family} ${size}, ${images} images, seed ${seed}`;
  const recipe = { ...commonRecipe, model: context.scale.models[family][size] };
  return trainingJob(context, { title, recipe, images, seed });
}

/** Part of the grid; by default all of it. */
export interface GridPart {
  readonly families?: readonly Family[];
  readonly sizes?: readonly Size[];
  /** Numbers of upstream images. */
  readonly subsets?: readonly number[];
}

/** The cells of a part of the grid, seeds outermost, so that an interrupted study has whole repetitions. */
export function gridCells(context: StudyContext, part: GridPart = {}): Cell[] {
  const { scale, seeds } = context;
  return seeds.flatMap((seed) =>
    (part.subsets ?? scale.subsets).flatMap((images) =>
      (part.sizes ?? sizes).flatMap((size) =>
        (part.families ?? families).map((family) => ({ family, size, images, seed })),
      ),
    ),
  );
}

/**
 * Runs of a part of the grid: a job for each cell, by default the one that trains it.
 *
 * @param place the series and the x of a cell
 */
export function gridRuns(
  context: StudyContext,
  part: GridPart,
  place: (cell: Cell) => { readonly series: string; readonly x?: number },
  jobOf: (context: StudyContext, cell: Cell) => Job = gridJob,
): Run[] {
  return gridCells(context, part).map((cell) => ({ job: jobOf(context, cell), seed: cell.seed, ...place(cell) }));
}

/** Places a cell by the number of its upstream images, a series for each family and size. */
export const placeByImages = ({ family, size, images }: Cell) => ({ series: `${family} ${size}`, x: images });
