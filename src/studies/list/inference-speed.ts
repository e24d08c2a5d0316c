/** Study 9: from which image size does the quadratic cost of attention count? */
import { costAtSize, largestBatch, memoryRatio, modelSize, parseModelName } from "../../models/index.js";
import { inferenceSeconds } from "../../speed/index.js";
import { lineFigure } from "../framework/figures.js";
import { defineJob, type Job } from "../framework/job.js";
import type { ScaleName } from "../framework/scale.js";
import type { Study } from "../framework/study.js";
import { type Row, rowsOfMeasure } from "../framework/table.js";
import { bySeed, decideEqual, pairedEffect } from "../framework/verdict.js";

/** Published networks, Vision Transformers first; the verdict compares the last of each kind. */
const networks: Readonly<Record<ScaleName, { readonly vit: readonly string[]; readonly resnet: readonly string[] }>> = {
  minutes: { vit: ["Ti/16", "S/16"], resnet: ["R50x1"] },
  hours: { vit: ["Ti/16", "S/16", "B/16"], resnet: ["R50x1", "R101x1"] },
  paper: { vit: ["B/32", "B/16", "L/16", "H/14"], resnet: ["R50x1", "R50x2", "R152x2", "R152x4"] },
};

/** Sides that are measured; each has a quarter of the images of the one before it, so that all runs take about as long. */
const sides = [64, 128, 256, 512];

/** Sides at which FLOPs are only counted. */
const countedSides = [1024, 2048, 4096];

/** Runs of each network at each side in one round, of which the fastest counts. */
const runsPerRound = 5;

/** Memory that the largest batch is counted for. */
const memoryBytes = 16 * 2 ** 30;

/** A series for each thing that is known of a network. */
const suffixes = { flops: "GFLOPs", share: "attention share", batch: "largest batch" } as const;

/** Measures every network at every side once: a round. */
function roundJob(names: readonly string[], round: number): Job {
  const batchOf = (side: number) => Math.max(1, Math.round((512 / side) ** 2));
  const flopsOf = (name: string, side: number) => modelSize(parseModelName(name), { size: side }).flops;
  return defineJob({
    title: `images per second of ${names.join(", ")}, round ${round}`,
    settings: { kind: "inference speed in alternation", names, sides, countedSides, runsPerRound, memoryBytes, round },
    flops: () =>
      names.flatMap((name) => sides.map((side) => batchOf(side) * flopsOf(name, side))).reduce((a, b) => a + b, 0) *
      (runsPerRound + 1),
    run: async ({ threads, signal }) => {
      const values: Record<string, number> = {};
      const all = [...sides, ...countedSides].flatMap((side) =>
        names.map((name) => ({ name, side, config: parseModelName(name) })),
      );
      for (const { name, side, config } of all) {
        const cost = costAtSize(config, side);
        values[`${name}, ${suffixes.flops} at ${side} px`] = cost.flops / 1e9;
        values[`${name}, ${suffixes.share} at ${side} px`] = cost.attentionFlops / cost.flops;
        if (sides.includes(side)) {
          values[`${name}, ${suffixes.batch} at ${side} px`] = largestBatch(cost, memoryBytes);
        }
      }
      const measured = all
        .filter(({ side }) => sides.includes(side))
        .map((one) => ({ ...one, batchSize: batchOf(one.side) }));
      const seconds = await inferenceSeconds(measured, { runs: runsPerRound, threads, signal });
      for (const [i, { name, side }] of measured.entries()) {
        values[`${name} at ${side} px`] = 1 / (seconds[i] ?? Number.NaN);
      }
      return { measurements: [{ images: 0, flops: 0, seconds: 0, values }], details: { threads: threads ?? 0 } };
    },
  });
}

const smallest = 0.5;

const isViT = (name: string): boolean => name.includes("/");

/**
 * The exponent of a cost in the side of the image over the last doubling that was measured, by round: 2 for a cost that is linear in the pixels, 4
 * where attention is all of it.
 */
export function exponents(rows: readonly Row[], name: string, cost: (y: number) => number): Map<number, number> {
  const [from = 0, to = 0] = sides.slice(-2);
  const at = (side: number) => bySeed(rows, ({ series, x }) => series === name && x === side);
  const [before, after] = [at(from), at(to)];
  const found = [...before].flatMap(([round, y]) => {
    const later = after.get(round);
    return later === undefined ? [] : [[round, Math.log(cost(later) / cost(y)) / Math.log(to / from)] as const];
  });
  return new Map(found);
}

const exponent = (value: number): string => `${value >= 0 ? "+" : ""}${value.toFixed(2)}`;

/** The first side at which attention takes half of the FLOPs, among those that were counted. */
function halfSide(rows: readonly Row[], name: string): number | undefined {
  const shares = rowsOfMeasure(rows, suffixes.share).filter(({ series, y }) => series === name && y >= 0.5);
  return shares.length === 0
    ? undefined
    : shares.reduce((least, { x }) => Math.min(least, x), Number.POSITIVE_INFINITY);
}

export const inferenceSpeed: Study = {
  number: 9,
  name: "inference-speed",
  title: "Inference speed over image size",
  question: "From which image size on does the cost of attention, quartic in the side, slow a ViT down?",
  claim: {
    text: "The quadratic cost in tokens is barely visible except for the largest models and inputs; ViTs fit larger batches than ResNets.",
    source: "papers.md 9.11 (Dosovitskiy et al., 2021, figure on inference speed)",
  },
  prediction: "exponent of time in the side from 256 to 512 pixels, ViT - ResNet, lies within 0.5",
  smallestEffect: smallest,
  measure: `images per second of exports with random weights; FLOPs and memory are counted on the graph (measured memory is ${memoryRatio.least} to ${memoryRatio.most} times the count)`,
  varies: "network, side of the images",
  fixed: "pixels in a batch, threads, machine; networks and sizes of a round are measured in alternation",
  rule: "the 95 % Student interval over rounds (the seeds) of the paired difference of exponents",
  seeds: 5,
  runs: ({ scale, seeds }) => {
    const { vit, resnet } = networks[scale.name];
    // one round gives the rows of all networks
    return seeds.map((round) => ({ job: roundJob([...vit, ...resnet], round), series: "round", seed: round }));
  },
  rows: (_, { measurements }) =>
    measurements.flatMap(({ values, ...at }) =>
      Object.entries(values).flatMap(([name, y]) => {
        const [, series, side] = /^(.*) at (\d+) px$/.exec(name) ?? [];
        return series === undefined ? [] : [{ ...at, series, x: Number(side), y }];
      }),
    ),
  figures: (rows) => {
    const figure = (title: string, label: string, shown: readonly Row[]) =>
      lineFigure(shown, {
        title,
        description: `A line for each network: ${label} over the side of the images.`,
        x: { label: "side of the images in pixels", scale: "log" },
        y: { label, scale: "log", format: "number" },
      });
    const shares = rowsOfMeasure(rows, suffixes.share).filter(({ y }) => y > 0);
    return [
      figure("Images per second over the image size", "images per second", rowsOfMeasure(rows)),
      figure("Largest batch in 16 GiB, estimated", "images", rowsOfMeasure(rows, suffixes.batch)),
      lineFigure(shares, {
        title: "Fraction of the FLOPs that is quadratic in tokens",
        description: "A line for each ViT: attention's fraction of the FLOPs over the side of the images.",
        x: { label: "side of the images in pixels", scale: "log" },
        y: { label: "fraction of FLOPs" },
      }),
    ];
  },
  judge: (rows) => {
    const names = [...new Set(rowsOfMeasure(rows).map(({ series }) => series))];
    const vit = names.filter(isViT).at(-1) ?? "";
    const resnet = names.filter((name) => !isViT(name)).at(-1) ?? "";
    const gap = (from: readonly Row[], cost: (y: number) => number) =>
      pairedEffect([
        { weight: 1, values: exponents(from, vit, cost) },
        { weight: -1, values: exponents(from, resnet, cost) },
      ]);
    const counted = gap(rowsOfMeasure(rows, suffixes.flops), (gigaflops) => gigaflops).mean;
    const half = halfSide(rows, vit);
    const reach =
      half === undefined ? "" : `; attention takes half of the FLOPs of ${vit} between ${half / 2} and ${half} pixels`;
    const verdict = decideEqual(
      gap(rows, (rate) => 1 / rate),
      { smallest, what: `exponent of ${vit} minus that of ${resnet}, 256 to 512 pixels`, format: exponent },
    );
    return { ...verdict, text: `${verdict.text} Counted FLOPs give ${exponent(counted)}${reach}.` };
  },
};
