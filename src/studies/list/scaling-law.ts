/** Study 8: does few-shot error follow a saturating power law in compute? */
import { readFile } from "node:fs/promises";
import { fitPowerLaw, type LawPoint, lawAt, type PowerLaw } from "../../algebra/power-law.js";
import { meanOf } from "../../algebra/statistics.js";
import { type LineSeries, lineChart } from "../../report/index.js";
import { largest, smallest } from "../../text/arrays.js";
import { gridRuns } from "../framework/grid.js";
import { defineJob } from "../framework/job.js";
import { type Family, families } from "../framework/scale.js";
import type { Measured, Run, Study, StudyFigure } from "../framework/study.js";
import { bySeries, positions, type Row } from "../framework/table.js";
import { decideEqual, effectOf } from "../framework/verdict.js";

const curvesFile = new URL("../../../assets/published/jft-fewshot-curves.csv", import.meta.url);
const publishedPrefix = "published, ";
/** Rows of the file that are held out for extrapolation. */
const heldSuffix = ", held out";

/** Reads the published curves: one measurement for each point, whose curve is named in the details. */
const publishedCurves = defineJob({
  title: "published curves",
  settings: { kind: "published curves", file: "jft-fewshot-curves.csv" },
  flops: () => 0,
  run: async () => {
    const [, ...lines] = (await readFile(curvesFile, "utf8")).trim().split("\n");
    const names: string[] = [];
    const measurements = lines.map((line) => {
      const [task = "", model = "", images = "", error = "", training = ""] = line.split(",");
      const name = `${publishedPrefix}${model} ${task}${training === "1" ? "" : heldSuffix}`;
      if (!names.includes(name)) names.push(name);
      const values = { error: Number(error), curve: names.indexOf(name) };
      return { images: Number(images), flops: 0, seconds: 0, values };
    });
    return { measurements, details: Object.fromEntries(names.map((name, i) => [`curve ${i}`, name])) };
  },
});

/** Number of bins of log compute, in each of which the smallest error counts (Cherti et al., 2023, use five). */
const bins = 6;

/** The points with the smallest error in each bin of log compute, ascending. */
export function frontier<At extends LawPoint>(points: readonly At[]): At[] {
  const logs = points.map(({ x }) => Math.log(x));
  const [low, high] = [smallest(logs), largest(logs)];
  const best = new Map<number, At>();
  for (const [i, point] of points.entries()) {
    const bin = Math.min(bins - 1, Math.floor((((logs[i] ?? 0) - low) / Math.max(high - low, 1e-12)) * bins));
    const found = best.get(bin);
    if (!found || point.y < found.y) best.set(bin, point);
  }
  return [...best.values()].sort((a, b) => a.x - b.x);
}

const ofFamily = (rows: readonly Row[], family: Family): readonly Row[] =>
  rows.filter(({ series }) => series.startsWith(`${family} `));

/** The rows of all networks, without the published curves. */
const ofGrid = (rows: readonly Row[]): readonly Row[] => families.flatMap((family) => ofFamily(rows, family));

/** A point of a network: the mean over seeds. */
interface NetworkPoint extends LawPoint {
  readonly series: string;
}

/** Means over seeds, one point for each network and compute. */
function meansOverSeeds(rows: readonly Row[]): NetworkPoint[] {
  return [...bySeries(rows)].flatMap(([series, own]) =>
    positions(own).map((x) => ({ series, x, y: meanOf(own.filter((row) => row.x === x).map(({ y }) => y)) })),
  );
}

/** The frontier without and with its point of most compute, and the law that is fitted without it. */
async function heldOutLaw(runs: readonly LawPoint[]) {
  const points = frontier(runs);
  const held = points.at(-1) ?? { x: 1, y: 1 };
  const { law } = await fitPowerLaw(points.slice(0, -1), { shifted: false });
  return { points, held, law };
}

const line = (name: string, law: PowerLaw, from: number, to: number): LineSeries => ({
  name,
  markers: false,
  points: Array.from({ length: 40 }, (_, i) => {
    const x = from * (to / from) ** (i / 39);
    return { x, y: lawAt(law, x) };
  }),
});

const axes = {
  x: { label: "training FLOPs", scale: "log" },
  y: { label: "10-shot error", scale: "log", format: "percent" },
} as const;

const dots = (name: string, rows: readonly Row[]): LineSeries => ({
  name,
  points: [],
  samples: rows.map(({ x, y }) => ({ x, y })),
});

/** The Vision Transformers: all runs by size, the frontier, and the law. */
async function ownFigure(rows: readonly Row[]): Promise<StudyFigure> {
  const own = ofFamily(rows, "ViT");
  const { points, held, law } = await heldOutLaw(meansOverSeeds(own));
  const title = "10-shot error of ViTs over training compute";
  const series: LineSeries[] = [
    { name: "frontier (mean over seeds)", points },
    line("law, fitted without the last point", law, points[0]?.x ?? 1, 2 * held.x),
    ...[...bySeries(own)].map(([name, runs]) => dots(name, runs)),
  ];
  return { title, draw: (width) => lineChart({ title, width, description: title, series, ...axes }) };
}

/** All families: their runs, the frontier over them, and the law of the Vision Transformers. Undefined for a table of one family. */
async function familiesFigure(rows: readonly Row[]): Promise<StudyFigure | undefined> {
  const present = families.filter((family) => ofFamily(rows, family).length > 0);
  if (present.length < 2) return undefined;
  const points = frontier(meansOverSeeds(ofGrid(rows)));
  const { points: fitted, law } = await heldOutLaw(meansOverSeeds(ofFamily(rows, "ViT")));
  const title = "10-shot error of all families over training compute";
  const series: LineSeries[] = [
    { name: "frontier (mean over seeds)", points },
    line("law of the ViTs", law, fitted[0]?.x ?? 1, 2 * (points.at(-1)?.x ?? 1)),
    ...present.map((family) => dots(family, ofFamily(rows, family))),
  ];
  return { title, draw: (width) => lineChart({ title, width, description: title, series, ...axes }) };
}

const relative = (value: number): string => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)} %`;

/** Says which networks make up the frontier of all families, and how it compares with the law of the ViTs where both have runs. */
async function familiesText(rows: readonly Row[]): Promise<string> {
  const all = meansOverSeeds(ofGrid(rows));
  const { points: fitted, law } = await heldOutLaw(meansOverSeeds(ofFamily(rows, "ViT")));
  const from = fitted[0]?.x ?? Number.POSITIVE_INFINITY;
  const shared = frontier(all).filter(({ x }) => x >= from);
  if (all.every(({ series }) => series.startsWith("ViT ")) || shared.length === 0) return "";
  const gap = meanOf(shared.map(({ x, y }) => Math.log(y / lawAt(law, x))));
  const names = [...new Set(shared.map(({ series }) => series))].join(", ");
  return ` The best of all families at each compute (${names}) differs from the law of the ViTs by ${relative(gap)} on average.`;
}

async function publishedFigure(rows: readonly Row[]): Promise<StudyFigure | undefined> {
  const curves = bySeries(rows.filter(({ series }) => series.startsWith(publishedPrefix)));
  const series: LineSeries[] = [];
  const errors: string[] = [];
  for (const [name, fitted] of curves) {
    const held = curves.get(`${name}${heldSuffix}`);
    if (name.endsWith(heldSuffix) || !held || fitted.length < 5) continue;
    const { law } = await fitPowerLaw(
      fitted.map(({ x, y }) => ({ x, y })),
      { shifted: false },
    );
    const squares = held.map(({ x, y }) => Math.log(lawAt(law, x) / y) ** 2);
    const error = Math.sqrt(meanOf(squares));
    const short = name.slice(publishedPrefix.length);
    errors.push(`${short} ${(100 * error).toFixed(1)} %`);
    const points = [...fitted, ...held].map(({ x, y }) => ({ x, y })).sort((a, b) => a.x - b.x);
    const { points: drawn } = line("", law, points[0]?.x ?? 1, points.at(-1)?.x ?? 2);
    series.push({ name: short, points: drawn, markers: false, samples: points });
  }
  if (series.length === 0) return undefined;
  const title = `Published curves; error of the extrapolated law: ${errors.join(", ")}`;
  const x = { label: "images seen", scale: "log" } as const;
  const y = { label: "few-shot error", scale: "log" } as const;
  return {
    title,
    draw: (width) =>
      lineChart({ title: "Published few-shot curves (JFT) and laws", width, description: title, series, x, y }),
  };
}

export const scalingLaw: Study = {
  number: 8,
  name: "scaling-law",
  title: "The scaling law: error over compute",
  question: "Does a saturating power law, fitted on less compute, predict the error at the largest compute?",
  claim: {
    text: "The few-shot error of the best model at each compute follows E = a (C + d)^(-b) + c.",
    source: "papers.md 8 (Zhai et al., 2022)",
  },
  prediction: "the error predicted at the largest compute differs from the measured one by at most 5 %",
  smallestEffect: 0.05,
  measure: "10-shot error, of frozen features (ridge), mean over the downstream datasets",
  varies: "family (the law is fitted to ViTs), size, images seen (checkpoints of one run, averaged weights)",
  fixed: "upstream images (all of the scale), recipe, image size",
  rule: "the 95 % interval over seeds of log(predicted error / measured error) at the largest compute, which the fit has not seen",
  runs: (context) => [
    ...gridRuns(context, { subsets: context.scale.subsets.slice(-1) }, ({ family, size }) => ({
      series: `${family} ${size}`,
    })),
    { job: publishedCurves, series: "published", seed: 0 },
  ],
  rows: ({ series, job }: Run, { measurements, details }): Measured[] =>
    measurements.map(({ values, ...at }) => {
      if (job.id === publishedCurves.id) {
        const name = String(details[`curve ${values["curve"] ?? 0}`] ?? series);
        return { ...at, series: name, x: at.images, y: values["error"] ?? Number.NaN };
      }
      return { ...at, series, x: at.flops, y: 1 - (values["fewshot10"] ?? 0) };
    }),
  figures: async (rows) => {
    const found = [await ownFigure(rows), await familiesFigure(rows), await publishedFigure(rows)];
    return found.filter((one) => one !== undefined);
  },
  judge: async (rows) => {
    const own = ofFamily(rows, "ViT");
    const errors: number[] = [];
    for (const seed of new Set(own.map((row) => row.seed))) {
      const { held, law } = await heldOutLaw(own.filter((row) => row.seed === seed));
      errors.push(Math.log(lawAt(law, held.x) / held.y));
    }
    const verdict = decideEqual(effectOf(errors), {
      smallest: 0.05,
      what: "predicted minus measured error at the largest compute, relative",
      format: relative,
      next: "more sizes and longer runs give the fit more points",
    });
    return { ...verdict, text: `${verdict.text}${await familiesText(rows)}` };
  },
};
