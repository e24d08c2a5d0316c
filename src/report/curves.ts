/** Training curves: smoothing, thinning, and the loss chart of a run. */

import { lineChart, type Point } from "./line-chart.js";

/** A measured value at a training step. */
export interface StepValue {
  step: number;
  value: number;
}

/**
 * Exponential moving average with the start corrected as Adam corrects its moments (arXiv:1412.6980, section 3), so that
 * the first values are not pulled to 0; `decay` is the weight of the past. Values that are not finite are passed over.
 */
export function smooth(values: readonly StepValue[], decay: number): StepValue[] {
  let average = 0;
  let weight = 0;
  return values.flatMap(({ step, value }) => {
    if (!Number.isFinite(value)) return [];
    average = decay * average + (1 - decay) * value;
    weight = decay * weight + (1 - decay);
    return [{ step, value: average / weight }];
  });
}

/** At most about `count` of the values, keeping the smallest and largest of each stretch, so that spikes stay visible. */
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

/** What a loss chart shows. */
export interface LossChartOptions {
  loss: readonly StepValue[];
  /** Loss on data the model does not train on. */
  validation?: readonly StepValue[];
  width?: number;
  title?: string;
  /** Loss of a model that knows nothing, ln(classes) for softmax; drawn as a reference line. */
  chance?: number;
}

/** Draws a training loss as an SVG document: each step pale, the smoothed course above it. Throws when no loss is finite. */
export function lossChart(options: LossChartOptions): string {
  const { loss, validation, width = 720, title, chance } = options;
  const points = (values: readonly StepValue[]): Point[] =>
    thin(values, width).map(({ step, value }) => ({ x: step, y: value }));
  // A window of about a thirtieth of the run: short enough to follow the fall, long enough to quiet the batches.
  const decay = Math.max(0, 1 - 30 / Math.max(loss.length, 1));
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
      { name: single ? "training" : "training, smoothed", points: points(course), markers: false },
      ...(single ? [] : [{ name: "each step", points: points(loss), background: true }]),
      ...(validation ? [{ name: "validation", points: points(validation) }] : []),
    ],
    x: { label: "step" },
    y: { label: "loss" },
    references: chance === undefined ? [] : [{ value: chance, label: "knowing nothing" }],
  });
}
