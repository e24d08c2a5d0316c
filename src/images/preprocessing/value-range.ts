/** Determines the value range of images after preprocessing. */
import { valueScales } from "./ops.js";
import { preprocessing } from "./pipeline.js";

/** Values of black and white pixels, [low, high]: one pair for all channels, or one for each. */
export type ValueRange = readonly (readonly [number, number])[];

/** The range after the last `value_range` of a preprocessing; 0 to 255 without one. */
export function valueRangeOf(pipeline: string): ValueRange {
  const op = preprocessing(pipeline).findLast(({ name }) => name === "value_range");
  return op ? valueScales(op.args).map((scale) => [scale(0), scale(255)] as const) : [[0, 255]];
}
