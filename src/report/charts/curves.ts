/** Draws training curves: smoothing, downsampling, and the loss chart of a run. */

import { lineChart, type Point } from "./line-chart.js";

/** A measured value at a training step. */
export interface StepValue {
  step: number;
  value: number;
}

/** Sums over all values up to each one, with weight decay^k for a distance of k. */
function decayingSums(values: readonly number[], decay: number): number[] {
  let sum = 0;
  return values.map((value) => {
    sum = decay * sum + value;
    return sum;
  });
}

/**
 * Smooths a curve without delay: each value becomes the mean of all, with weight decay^k for a distance of k in both directions.
 * Values that are not finite are skipped.
 */
export function smooth(values: readonly StepValue[], decay: number): StepValue[] {
  const finite = values.filter(({ value }) => Number.isFinite(value));
  const bothSides = (own: number[]) => {
    const before = decayingSums(own, decay);
    const after = decayingSums([...own].reverse(), decay).reverse();
    return own.map((value, i) => before[i]! + after[i]! - value);
  };
  const sums = bothSides(finite.map(({ value }) => value));
  const weights = bothSides(finite.map(() => 1));
  return finite.map(({ step }, i) => ({ step, value: sums[i]! / weights[i]! }));
}

/** Downsamples to about `count` values; keeps the minimum and maximum of each interval, so that spikes stay visible. */
export function thin(values: readonly StepValue[], count: number): StepValue[] {
  if (values.length <= count) return [...values];
  const stretch = Math.ceil((2 * values.length) / count);
  const kept: StepValue[] = [];
  for (let start = 0; start < values.length; start += stretch) {
    let low = start;
    let high = start;
    for (let i = start; i < Math.min(start + stretch, values.length); i++) {
      if (values[i]!.value < values[low]!.value) low = i;
      if (values[i]!.value > values[high]!.value) high = i;
    }
    kept.push(values[Math.min(low, high)]!);
    if (low !== high) kept.push(values[Math.max(low, high)]!);
  }
  return kept;
}

/** Data and options of a loss chart. */
export interface LossChartOptions {
  loss: readonly StepValue[];
  /** Loss on data that the model is not trained on. */
  validation?: readonly StepValue[];
  width?: number;
  title?: string;
  /** Loss of chance predictions, ln(classes) for softmax; drawn as a reference line. */
  chance?: number;
}

/** Draws a training loss as an SVG document: each step pale, and the smoothed curve above. Throws if no loss is finite. */
export function lossChart(options: LossChartOptions): string {
  const { loss, validation, width = 720, title, chance } = options;
  const points = (values: readonly StepValue[]): Point[] =>
    thin(values, width).map(({ step, value }) => ({ x: step, y: value }));
  // The smoothing window is about a fortieth of the run in both directions: short enough to follow the decrease, long enough to average batches.
  const decay = Math.max(0, 1 - 40 / Math.max(loss.length, 1));
  const course = smooth(loss, decay);
  const last = course.at(-1);
  const range = last
    ? ` from ${course[0]!.value.toFixed(2)} to ${last.value.toFixed(2)} over ${loss.length} steps`
    : "";
  const single = decay === 0;
  return lineChart({
    title,
    width,
    description: `Training loss${range}`,
    series: [
      ...(single ? [] : [{ name: "each step", points: points(loss), background: true }]),
      { name: single ? "training" : "training, smoothed", points: points(course), markers: false },
      ...(validation ? [{ name: "validation", points: points(validation) }] : []),
    ],
    x: { label: "step" },
    y: { label: "loss" },
    references: chance === undefined ? [] : [{ value: chance, label: "knowing nothing" }],
  });
}
