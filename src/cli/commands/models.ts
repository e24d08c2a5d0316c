/** `fovea models`: the published models with their parameters, cost and preprocessing. */
import { ShapeError } from "../../graph/index.js";
import {
  type ModelConfig,
  type ModelSeries,
  modelSeries,
  modelSize,
  type Pooling,
  type PublishedModel,
  parseModelName,
  publishedModels,
} from "../../models/index.js";
import { didYouMean } from "../../text/nearest.js";
import { embeddedBackbones, inspectWeights } from "../../weights/index.js";
import { defineCommand } from "../command.js";
import { models } from "../definitions.js";
import { columns } from "../output.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";
import { publishedCheckpoints, variantOf } from "./models-published.js";

interface Row extends PublishedModel {
  /** At the first image size: learned position embeddings and the Mixer's MLPs over patches grow with the image. */
  parameters: number;
  cost: { imageSize: number; flops: number }[];
}

const poolings: readonly Pooling[] = ["gap", "tok", "map", "none"];
const seriesNames = Object.keys(modelSeries) as ModelSeries[];

/** The models a filter means: all, those of a series or variant, or one, of any patch size ("S/4"), width or depth. */
function selected(filter: string | undefined): readonly PublishedModel[] {
  if (filter === undefined) return publishedModels;
  const series = seriesNames.find((name) => name.toLowerCase() === filter.toLowerCase());
  if (series) return publishedModels.filter((one) => one.series === series);
  const found = publishedModels.filter(({ name }) => name === filter);
  if (found.length > 0) return found;
  const ofVariant = publishedModels.filter(({ name }) => variantOf(name) === filter);
  if (ofVariant.length > 0) return ofVariant;
  return [unpublished(filter)];
}

/** A model that was not published but is written like one of a series. */
function unpublished(name: string): PublishedModel {
  let config: ModelConfig;
  try {
    config = parseModelName(name);
  } catch {
    const known = [...seriesNames, ...publishedModels.flatMap((one) => [one.name, variantOf(one.name)])];
    const meant = didYouMean(name, known);
    const otherwise = `; series are ${seriesNames.join(", ")}, and \`fovea models\` lists every name`;
    throw new UsageError(`unknown model "${name}"${meant === "" ? otherwise : meant}`);
  }
  return { ...publishedModels.find((one) => one.series === seriesOf(config))!, name, config };
}

function seriesOf(config: ModelConfig): ModelSeries {
  if (config.family === "mixer") return "mixer";
  if (config.family === "resnet") return config.version === 1 ? "resnet" : "bit";
  return config.stem.kind === "resnet" ? "hybrid" : "vit";
}

function rowOf(model: PublishedModel, sizes: readonly number[], classes: number, pooling: Pooling | undefined): Row {
  const changed = { ...model.config, classes };
  const config = pooling && changed.family === "vit" ? { ...changed, pooling } : changed;
  const counted = sizes.map((size) => {
    try {
      return { size, ...modelSize(config, { size }) };
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new UsageError(`--image-size: ${size} pixels are too few for ${model.name}: ${error.message}`);
    }
  });
  const cost = counted.map(({ size, flops }) => ({ imageSize: size, flops }));
  return { ...model, config, parameters: counted[0]!.parameters, cost };
}

function dimensions(config: ModelConfig): string {
  if (config.family === "resnet") return `${config.blocks.join("+")} units, x${config.widthFactor}`;
  const { width, depth } = config;
  if (config.family === "mixer") return `${width} x ${depth}, MLPs ${config.tokensMlpDim} and ${config.channelsMlpDim}`;
  const { heads, mlpDim, stem, pooling } = config;
  const before =
    stem.kind === "resnet"
      ? `, after ${["root", ...stem.blocks].join("+")} units`
      : stem.kind === "convolutions"
        ? `, after ${stem.channels.length} convolutions`
        : "";
  return `${width} x ${depth}, ${heads} heads, MLP ${mlpDim}, ${pooling}${before}`;
}

/** Counts with thousands apart, in columns to the right; one heading a series. */
function table(rows: readonly Row[], sizes: readonly number[]): string {
  const head = ["name", "parameters", ...sizes.map((size) => `GFLOPs ${size}`), "input", "preprocessing", "dimensions"];
  const cells = rows.map((row) => [
    row.name,
    row.parameters.toLocaleString("en-US"),
    ...row.cost.map(({ flops }) => (flops / 1e9).toFixed(flops < 9.995e9 ? 2 : 1)),
    `${row.imageSize}`,
    row.preprocessing,
    dimensions(row.config),
  ]);
  const line = columns(head, cells, head.length - 2);
  const lines = [line(head)];
  rows.forEach((row, i) => {
    const { title, source } = modelSeries[row.series];
    if (row.series !== rows[i - 1]?.series) lines.push("", `${title} (${source})`);
    lines.push(line(cells[i]!));
  });
  return lines.join("\n");
}

/** The trained backbones of the package. */
async function embedded() {
  return await Promise.all(
    embeddedBackbones.map(async ({ name, summary }) => {
      const { config, image, parameterCount } = await inspectWeights(`embedded:${name}`);
      return { name: `embedded:${name}`, summary, parameters: parameterCount, image, config };
    }),
  );
}

export const command = defineCommand(models, async ({ args }) => {
  if (args.published) return publishedCheckpoints(args.model);
  const classes = wholeNumber(args.classes, "classes");
  const sizes = wholeNumbers(args["image-size"], "image-size", 1);
  const pooling = poolings.find((name) => name === args.pooling);
  if (args.pooling !== undefined && !pooling) {
    throw new UsageError(`--pooling: "${args.pooling}" is none of ${poolings.join(", ")}`);
  }
  const chosen = selected(args.model);
  if (pooling && !chosen.some(({ family }) => family === "vit")) {
    throw new UsageError(`--pooling: ${args.model} is no Vision Transformer; only they choose how to pool`);
  }
  const rows = chosen.map((model) => rowOf(model, sizes, classes, pooling));
  const settings =
    `${classes === 0 ? "No head" : `${classes} classes`}, parameters at ${sizes[0]} pixels; ` +
    "a GFLOP is 10^9 operations of one image's forward pass, a multiply-add counted as two.";
  const text = `${table(rows, sizes)}\n\n${settings}`;
  if (args.model !== undefined) return { document: { classes, models: rows }, text };
  const trained = await embedded();
  const cells = trained.map(({ name, parameters, image, summary }) => [
    name,
    parameters.toLocaleString("en-US"),
    `${image.height}`,
    summary,
  ]);
  const head = ["trained, in the package", "parameters", "input", ""];
  const line = columns(head, cells, 3);
  return {
    document: { classes, models: rows, embedded: trained },
    text: [text, "", line(head), ...cells.map(line)].join("\n"),
  };
});
