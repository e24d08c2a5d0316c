/** `fovea models`: the published variants with their dimensions, parameters and cost. */
import { type Pooling, publishedViTs, vitConfig, vitSize, vitVariants } from "../../models/index.js";
import { didYouMean } from "../../text/nearest.js";
import { defineCommand } from "../command.js";
import { models } from "../definitions.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";

interface Row {
  name: string;
  width: number;
  depth: number;
  heads: number;
  mlpDim: number;
  patchSize: number;
  /** At the first image size: a learned position embedding has one row for each token. */
  parameters: number;
  cost: { imageSize: number; flops: number }[];
}

const poolings: readonly Pooling[] = ["gap", "tok", "map", "none"];

/** The published names a filter means: all, those of a variant ("S"), or one, of any patch size ("S/16", "S/4"). */
function namesFor(filter: string | undefined): readonly string[] {
  if (filter === undefined) return publishedViTs;
  const [, variant = "", patch] = /^([^/]+)(?:\/([1-9]\d*))?$/.exec(filter) ?? [];
  if (!Object.hasOwn(vitVariants, variant)) {
    const known = filter.includes("/") ? publishedViTs : Object.keys(vitVariants);
    const meant = didYouMean(filter, known);
    throw new UsageError(
      `unknown variant "${filter}"${meant === "" ? `; variants are ${Object.keys(vitVariants).join(", ")}` : meant}`,
    );
  }
  return patch === undefined ? publishedViTs.filter((name) => name.startsWith(`${variant}/`)) : [filter];
}

function rowOf(name: string, sizes: readonly number[], settings: { classes: number; pooling: Pooling }): Row {
  const { width, depth, heads, mlpDim, patchSize } = vitConfig(name);
  const tooSmall = sizes.find((size) => size < patchSize);
  if (tooSmall !== undefined) {
    throw new UsageError(`--image-size: ${tooSmall} pixels are less than a patch of ${name}`);
  }
  const counted = sizes.map((size) => ({ size, ...vitSize(name, { size, ...settings }) }));
  const cost = counted.map(({ size, flops }) => ({ imageSize: size, flops }));
  return { name, width, depth, heads, mlpDim, patchSize, parameters: counted[0]!.parameters, cost };
}

/** Counts with thousands apart; columns to the right, the name to the left. */
function table(rows: readonly Row[], sizes: readonly number[]): string {
  const head = ["name", "parameters", ...sizes.map((size) => `GFLOPs ${size}`), "width", "depth", "heads", "MLP"];
  const lines = rows.map((row) => [
    row.name,
    row.parameters.toLocaleString("en-US"),
    ...row.cost.map(({ flops }) => (flops / 1e9).toFixed(flops < 9.995e9 ? 2 : 1)),
    ...[row.width, row.depth, row.heads, row.mlpDim].map(String),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return [head, ...lines].map(line).join("\n");
}

export const command = defineCommand(models, async ({ args }) => {
  const classes = wholeNumber(args.classes, "classes");
  const sizes = wholeNumbers(args["image-size"], "image-size", 1);
  const pooling = poolings.find((name) => name === args.pooling);
  if (!pooling) throw new UsageError(`--pooling: "${args.pooling}" is none of ${poolings.join(", ")}`);
  const rows = namesFor(args.variant).map((name) => rowOf(name, sizes, { classes, pooling }));
  const settings =
    `Pooling ${pooling}, ${classes === 0 ? "no head" : `${classes} classes`}, parameters at ${sizes[0]} pixels; ` +
    "a GFLOP is 10^9 operations of one image's forward pass, a multiply-add counted as two.";
  return { document: { pooling, classes, models: rows }, text: `${table(rows, sizes)}\n\n${settings}` };
});
