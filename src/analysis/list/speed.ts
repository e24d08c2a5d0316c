/** Speed, memory and the share of attention's quadratic products against the image size (papers.md 9.11, "Speed"). */
import { costAtSize, largestBatch, memoryRatio, type SizeCost, sizeOfShare } from "../../models/index.js";
import { lineChart, percent } from "../../report/index.js";
import { formatBytes, formatCount } from "../../text/format.js";
import type { Analysis, AnalysisChart } from "../framework/analysis.js";
import { imagesPerSecond } from "../framework/images-per-second.js";
import { spatialLayers } from "../framework/layers.js";
import type { Subject } from "../framework/subject.js";

/** Cost at a size with what was measured. */
export interface SizeSpeed extends SizeCost {
  /** At the faster of the batch sizes. */
  readonly imagesPerSecond: number;
  readonly batch: number;
  /** Largest batch in `memory` bytes. */
  readonly largestBatch: number;
}

const factors = [0.5, 0.75, 1, 1.5, 2, 3, 4];
const batches = [1, 8];
/** A run is at most this many FLOPs, some ten seconds on one core. */
const mostFlops = 5e11;
const secondsEach = 1;
const memory = 1e9;
/** Attention begins to cost at this share of the FLOPs; sizes up to this many pixels are tried. */
const noticeable = { share: 0.1, pixels: 4096 };

/** Pixels that the side of an image must be divisible by for all of it to be used: a patch, or the reduction of a convolutional network. */
export function sizeUnit(subject: Subject): number {
  const rows = spatialLayers(subject).at(-1)?.rows ?? 1;
  if (subject.config.family === "mobilenet") return 32;
  return subject.config.family === "resnet"
    ? 2 ** (subject.config.blocks.length + 1)
    : Math.floor(subject.imageShape[0] / rows);
}

/** Sides of square images, from half to four times the network's own height, as multiples of the unit. */
export function sizesToMeasure(own: number, unit: number): readonly number[] {
  return [...new Set(factors.map((factor) => unit * Math.max(1, Math.round((factor * own) / unit))))];
}

async function speedAt(subject: Subject, cost: SizeCost): Promise<SizeSpeed> {
  const [, , channels] = subject.imageShape;
  let best = { imagesPerSecond: 0, batch: 1 };
  for (const batch of batches) {
    if (batch > 1 && batch * cost.flops > mostFlops) continue;
    const rate = await imagesPerSecond(subject.config, cost.size, {
      batch,
      channels,
      threads: subject.threads,
      seconds: secondsEach,
    });
    if (rate > best.imagesPerSecond) best = { imagesPerSecond: rate, batch };
  }
  return { ...cost, ...best, largestBatch: largestBatch(cost, memory) };
}

const sizeAxis = { label: "side of the image in pixels", scale: "log" } as const;

function speedChart(sizes: readonly SizeSpeed[]): AnalysisChart {
  const first = sizes[0] as SizeSpeed;
  return {
    title: "Images per second",
    caption: `The faster of batches of ${batches.join(" and ")}, the fastest run of each. The other line is what the first size predicts if the time were in proportion to the number of pixels: below it, larger images cost more than their pixels.`,
    draw: (width) =>
      lineChart({
        width,
        description: "Images per second against the image size.",
        series: [
          { name: "measured", points: sizes.map((one) => ({ x: one.size, y: one.imagesPerSecond })) },
          {
            name: "in proportion to pixels",
            points: sizes.map(({ size }) => ({ x: size, y: first.imagesPerSecond * (first.size / size) ** 2 })),
            background: true,
          },
        ],
        x: sizeAxis,
        y: { label: "images per second", scale: "log" },
      }),
  };
}

const uncertainty = `The memory that an image adds was measured to be ${memoryRatio.least} to ${memoryRatio.most} times the estimate, most for a ResNet.`;

function batchChart(sizes: readonly SizeSpeed[]): AnalysisChart {
  return {
    title: `Largest batch in ${formatBytes(memory)}`,
    caption: `Estimated on the graph, forward only: parameters, images, and the values that are alive together. ${uncertainty} Sizes at which not even one image fits are omitted.`,
    draw: (width) =>
      lineChart({
        width,
        description: "Largest batch against the image size.",
        series: [
          { name: "largest batch", points: sizes.map((one) => ({ x: one.size, y: one.largestBatch || Number.NaN })) },
        ],
        x: sizeAxis,
        y: { label: "images", scale: "log" },
      }),
  };
}

function attentionChart(sizes: readonly SizeSpeed[]): AnalysisChart {
  return {
    title: "Attention's quadratic share of the FLOPs",
    caption:
      "Products of queries with keys and of weights with values grow with the square of the number of tokens, all others in proportion to it. Counted on the graph.",
    draw: (width) =>
      lineChart({
        width,
        description: "Share of attention's quadratic products in the FLOPs against the image size.",
        series: [{ name: "share", points: sizes.map((one) => ({ x: one.size, y: one.attentionFlops / one.flops })) }],
        x: sizeAxis,
        y: { format: "percent", include: [0] },
        references: [{ value: noticeable.share, label: percent(noticeable.share, 0) }],
      }),
  };
}

export const speed: Analysis = {
  name: "speed",
  title: "Speed and memory by image size",
  summary:
    "Images per second, largest batch and attention's quadratic share of the FLOPs against the image size; takes up to a minute",
  onlyByName: true,
  unavailable: () => undefined,
  async run(subject) {
    const { config, imageShape } = subject;
    const [own, , channels] = imageShape;
    const unit = sizeUnit(subject);
    const sizes: SizeSpeed[] = [];
    for (const size of sizesToMeasure(own, unit)) {
      const cost = costAtSize(config, size, channels);
      if (sizes.length > 0 && cost.flops > mostFlops) break;
      sizes.push(await speedAt(subject, cost));
    }
    const here = sizes.find(({ size }) => size === own) ?? (sizes[0] as SizeSpeed);
    const attends = here.attentionFlops > 0;
    const from = attends ? sizeOfShare(config, noticeable.share, unit, noticeable.pixels, channels) : undefined;
    const begins =
      from === undefined
        ? `stay below ${percent(noticeable.share, 0)} up to ${noticeable.pixels} pixels`
        : `reach ${percent(noticeable.share, 0)} at ${from} pixels`;
    const attention = attends
      ? ` Attention's quadratic products are ${percent(here.attentionFlops / here.flops)} of its FLOPs there, and ${begins}.`
      : "";
    return {
      text: `At ${here.size} pixels, ${here.imagesPerSecond.toFixed(0)} images per second (${formatCount(here.flops)}FLOP each), and batches of up to an estimated ${here.largestBatch} in ${formatBytes(memory)}. ${uncertainty}${attention}`,
      data: {
        threads: subject.threads ?? "default",
        memory,
        memoryRatio,
        sizes,
        attentionShareReached: { share: noticeable.share, pixels: from ?? null },
      },
      charts: [speedChart(sizes), batchChart(sizes), ...(attends ? [attentionChart(sizes)] : [])],
    };
  },
};
