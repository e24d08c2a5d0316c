/** Lists the published models, with parameters and FLOPs for an image size and a number of classes. */
import { ShapeError } from "../../graph/index.js";
import {
  type ModelSeries,
  mobilenetShapes,
  modelSeries,
  modelSize,
  type Pooling,
  type PublishedConfig,
  type PublishedModel,
  parseModelName,
  publishedModels,
} from "../../models/index.js";
import { didYouMean } from "../../text/nearest.js";
import { embeddedBackbones } from "../embedded.js";
import { inspectWeights } from "../load.js";
import { variantOf } from "./checkpoints.js";

/** A model with its cost. */
export interface ModelRow extends PublishedModel {
  /**
   * Parameters at the first image size: learned position embeddings and the Mixer's MLPs over patches grow with the
   * image.
   */
  readonly parameters: number;
  /** Cost of one image's forward pass at each size. */
  readonly cost: readonly { readonly imageSize: number; readonly flops: number }[];
}

const seriesNames = Object.keys(modelSeries) as ModelSeries[];

/**
 * The models that a filter selects: all, those of a series or variant, or one, with any patch size ("S/4"), width or
 * depth.
 */
function selected(filter: string | undefined): readonly PublishedModel[] {
  if (filter === undefined) return publishedModels;
  const series = seriesNames.find((name) => name.toLowerCase() === filter.toLowerCase());
  if (series) return publishedModels.filter((one) => one.series === series);
  const found = publishedModels.filter(({ name }) => name === filter);
  if (found.length > 0) return found;
  const ofVariant = publishedModels.filter(
    ({ name, series: kind }) => variantOf(name) === filter || (kind === "successors" && name.startsWith(`${filter}-`)),
  );
  return ofVariant.length > 0 ? ofVariant : [unpublished(filter)];
}

/** A model that was not published but whose name follows the pattern of a series. */
function unpublished(name: string): PublishedModel {
  let config: PublishedConfig;
  try {
    config = parseModelName(name);
  } catch {
    const known = [...seriesNames, ...publishedModels.flatMap((one) => [one.name, variantOf(one.name)])];
    const meant = didYouMean(name, known);
    const otherwise = `; available series: ${seriesNames.join(", ")}; \`fovea models\` lists every name`;
    throw new RangeError(`unknown model "${name}"${meant === "" ? otherwise : meant}`);
  }
  const alike = publishedModels.find((one) => one.series === seriesOf(config));
  if (!alike) throw new Error(`the series ${seriesOf(config)} has no published model`);
  return { ...alike, name, config };
}

function seriesOf(config: PublishedConfig): ModelSeries {
  if (config.family === "mixer") return "mixer";
  if (config.family === "mobilenet") return "mobilenet";
  if (config.family === "resnet") return config.version === 1 ? "resnet" : "bit";
  return config.stem.kind === "resnet" ? "hybrid" : "vit";
}

interface Counted {
  readonly sizes: readonly number[];
  readonly classes: number;
  readonly pooling?: Pooling | undefined;
}

function rowOf(model: PublishedModel, { sizes, classes, pooling }: Counted): ModelRow {
  const changed = { ...model.config, classes };
  // the pooling of a successor is part of the published network
  const isOpen = changed.family === "vit" && model.series !== "successors";
  const config = pooling && isOpen ? { ...changed, pooling } : changed;
  const counted = sizes.map((size) => {
    try {
      return { size, ...modelSize(config, { size }) };
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new RangeError(`image size ${size} is too small for ${model.name}: ${error.message}`);
    }
  });
  const cost = counted.map(({ size, flops }) => ({ imageSize: size, flops }));
  return { ...model, config, parameters: counted[0]?.parameters ?? 0, cost };
}

/**
 * The models that a filter selects, with their cost at each of the sizes.
 *
 * @throws RangeError for an unknown name, for sizes that are too small, and for a pooling with models that have only
 * one.
 */
export function modelRows(filter: string | undefined, counted: Counted): readonly ModelRow[] {
  const chosen = selected(filter);
  if (counted.pooling && !chosen.some(({ family }) => family === "vit")) {
    throw new RangeError(
      `pooling "${counted.pooling}": ${filter} is not a Vision Transformer, and other models have only one pooling`,
    );
  }
  return chosen.map((model) => rowOf(model, counted));
}

/** The headings of each series and each model in the table: title and papers, width and depth. */
export function headings(rows: readonly ModelRow[]): ReadonlyMap<string, string> {
  const series = seriesNames.map((name) => [name, `${modelSeries[name].title} (${modelSeries[name].source})`] as const);
  return new Map([...series, ...rows.map(({ name, config }) => [name, dimensions(config)] as const)]);
}

function dimensions(config: PublishedConfig): string {
  if (config.family === "resnet") return `${config.blocks.join("+")} units, x${config.widthFactor}`;
  if (config.family === "mobilenet") {
    const { blocks } = mobilenetShapes[config.architecture];
    return `${blocks.length} blocks, x${config.widthFactor}`;
  }
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

/** The trained backbones of the package. */
export async function bundledBackbones() {
  return await Promise.all(
    embeddedBackbones.map(async ({ name, summary }) => {
      const { config, image, parameterCount } = await inspectWeights(`embedded:${name}`);
      return { name: `embedded:${name}`, summary, parameters: parameterCount, image, config };
    }),
  );
}
