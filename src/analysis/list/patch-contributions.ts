/** Which patches decided: parts of the logit of the predicted class, exact where tokens are averaged before a linear head, and gradient times input. */
import { argmax } from "../../algebra/argmax.js";
import type { ViTConfig } from "../../models/index.js";
import { contactSheet, type SheetPicture } from "../../report/index.js";
import { largest } from "../../text/arrays.js";
import type { Analysis, AnalysisChart } from "../framework/analysis.js";
import {
  gradientTimesInput,
  type LayerNormParameters,
  meanContributions,
  throughNorm,
} from "../framework/contributions.js";
import { type SpatialLayer, spatialLayers, vectorsOf } from "../framework/layers.js";
import { firstImages, narrowColumns, notShown, photoUri, shownPixels, underMap } from "../framework/overlays.js";
import { imageName } from "../framework/pictures.js";
import type { Subject, Traced } from "../framework/subject.js";

/** A grid of a ResNet is shown at most this fine for gradients; the maps of its root would be noise. */
const finest = 16;

/** Parts of a number, one for each cell of a grid. */
export interface ContributionMap {
  readonly rows: number;
  readonly columns: number;
  /** [rows * columns] */
  readonly values: Float64Array;
}

/** Exact parts of a number: those of each pooled layer, and the part that no patch has (biases of the head and of the last norm). */
export interface ExactParts {
  readonly value: number;
  readonly constant: number;
  /** One map for each pooled layer; all of them sum to the value minus the constant. */
  readonly maps: readonly (ContributionMap & { readonly layer: string })[];
}

/** What decided one image. */
export interface ImageContributions {
  readonly image: string;
  /** The class with the largest logit; undefined without a head. */
  readonly target: string | undefined;
  /** The logit of the class; without a head the length of the feature vector. */
  readonly value: number;
  /** Parts of the value; undefined where the head is not linear in a mean. */
  readonly exact: ExactParts | undefined;
  /** Parts of the difference from the second largest logit, with its class; undefined also for fewer than two classes. */
  readonly margin: (ExactParts & { readonly over: string }) | undefined;
  readonly gradient: ContributionMap;
}

/** Whether the features are the mean of the patch tokens, or its layer norm. */
const isMeanOfPatches = (config: ViTConfig): boolean =>
  config.pooling === "gap" &&
  config.preLogits === false &&
  config.projection === undefined &&
  !(config.poolNorm === "after" && config.norm === "rms");

/** The layers whose means, one after the other, are the features; undefined where these are not means. */
export function pooledLayers(subject: Subject): readonly SpatialLayer[] | undefined {
  const { config, intermediates } = subject;
  if (config.family === "vit" && !isMeanOfPatches(config)) return undefined;
  const last = spatialLayers(subject).at(-1);
  if (!last) return undefined;
  if (config.family !== "resnet") return [last];
  if (config.whitening) return undefined;
  const earlier = (config.pooledStages ?? []).flatMap((stage): SpatialLayer[] => {
    const name = `block${stage}/pooled`;
    const [width = 0, rows = 0, columns = 0] = intermediates.get(name) ?? [];
    return [{ name, label: `block${stage}`, rows, columns, width, isMap: true }];
  });
  return [last, ...earlier];
}

/** Computes what decided the images with these numbers. */
export async function contributionsOf(subject: Subject, images: readonly number[]): Promise<ImageContributions[]> {
  const { config, network, imageShape } = subject;
  const layers = pooledLayers(subject);
  const grid = gradientGrid(subject);
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  const head = config.classes > 0 ? headOf(subject) : undefined;
  const norm =
    config.family === "vit" && config.poolNorm === "after" ? normOf(subject, config.layerNormEpsilon) : undefined;
  const names = [...(layers ?? []).map(({ name }) => name), "preLogits", ...(head ? ["logits"] : [])];
  const found: ImageContributions[] = [];
  for await (const traced of subject.trace(names, images)) {
    const image = images[found.length] ?? 0;
    const features = traced["preLogits"]?.data ?? new Float32Array();
    const length = Math.sqrt(features.reduce((sum, value) => sum + value * value, 0));
    const logits = traced["logits"]?.data ?? new Float32Array();
    const nameOf = (target: number) => network.classNames?.[target] ?? `class ${target}`;
    const target = head && argmax(logits);
    const second = target === undefined ? undefined : secondOf(logits, target);
    const parts = (linear: Linear) => layers && exactParts(traced, layers, linear, norm);
    const own: Linear =
      head && target !== undefined
        ? { direction: head.direction(target), constant: head.bias[target] ?? 0, value: logits[target] ?? 0 }
        : { direction: Float64Array.from(features, (value) => value / (length || 1)), constant: 0, value: length };
    const against =
      head && second !== undefined ? parts(difference(own, head, second, logits[second] ?? 0)) : undefined;
    const { gradient } = await subject.gradient(image, target ?? Float32Array.from(own.direction));
    const pixels = subject.images.data.subarray(image * size, (image + 1) * size);
    found.push({
      image: imageName(subject, image),
      target: target === undefined ? undefined : nameOf(target),
      value: own.value,
      exact: parts(own),
      margin: against && second !== undefined ? { ...against, over: nameOf(second) } : undefined,
      gradient: { ...grid, values: gradientTimesInput(gradient, pixels, imageShape, grid) },
    });
  }
  return found;
}

/** A linear function of the features with its value for an image: features . direction + constant. */
interface Linear {
  readonly direction: Float64Array;
  readonly constant: number;
  readonly value: number;
}

/** The linear head: for each class a direction [features] and a bias. */
interface Head {
  readonly bias: Float32Array;
  direction(target: number): Float64Array;
}

function headOf({ config: { classes }, parameter }: Subject): Head {
  const { data } = parameter("head/kernel");
  const direction = (target: number) =>
    Float64Array.from({ length: data.length / classes }, (_, k) => data[k * classes + target] ?? 0);
  return { bias: parameter("head/bias").data, direction };
}

function difference({ direction, constant, value }: Linear, head: Head, second: number, logit: number): Linear {
  const other = head.direction(second);
  return {
    direction: direction.map((one, k) => one - (other[k] ?? 0)),
    constant: constant - (head.bias[second] ?? 0),
    value: value - logit,
  };
}

/** The class of the second largest logit; undefined for a single class. */
function secondOf(logits: Float32Array, first: number): number | undefined {
  if (logits.length < 2) return undefined;
  return argmax(logits.map((value, i) => (i === first ? Number.NEGATIVE_INFINITY : value)));
}

function exactParts(
  traced: Readonly<Record<string, Traced>>,
  layers: readonly SpatialLayer[],
  linear: Linear,
  norm: LayerNormParameters | undefined,
): ExactParts {
  let [start, constant] = [0, linear.constant];
  const maps = layers.map((layer) => {
    const { rows, columns, width, label } = layer;
    const vectors = vectorsOf(traced[layer.name] as Traced, layer);
    let own: Float64Array = linear.direction.slice(start, start + width);
    start += width;
    if (norm) {
      const through = throughNorm(vectors, rows * columns, norm, own);
      own = through.direction;
      constant += through.constant;
    }
    return { layer: label, rows, columns, values: meanContributions(vectors, rows * columns, own) };
  });
  return { maps, constant, value: linear.value };
}

const normOf = ({ parameter }: Subject, epsilon: number): LayerNormParameters => ({
  scale: parameter("fc_norm/scale").data,
  bias: parameter("fc_norm/bias").data,
  epsilon,
});

function gradientGrid(subject: Subject): { readonly rows: number; readonly columns: number } {
  const layers = spatialLayers(subject);
  const { rows, columns } = layers.find((layer) => Math.max(layer.rows, layer.columns) <= finest) ??
    layers.at(-1) ?? { rows: 1, columns: 1 };
  return { rows, columns };
}

export const patchContributions: Analysis = {
  name: "patch-contributions",
  title: "Which patches decided",
  summary:
    "Parts of the logit of the predicted class by patch: exact for the mean of tokens with a linear head, and gradient times input for every network",
  unavailable: (subject) =>
    subject.config.family === "vit" && subject.config.pooling === "none"
      ? 'it does not pool its tokens (pooling "none"): every token has logits of its own'
      : notShown(subject),
  async run(subject) {
    const found = await contributionsOf(subject, firstImages(subject));
    const hasHead = subject.config.classes > 0;
    const what = hasHead
      ? "the logit of the predicted class"
      : "the length of the feature vector (the network has no head)";
    const isExact = found[0]?.exact !== undefined;
    const measured = found.map(({ exact, margin, gradient }) => (margin ?? exact)?.maps ?? [gradient]);
    const against = measured.reduce((sum, maps) => sum + shareOfNegative(maps) / measured.length, 0);
    const percent = `${(100 * against).toFixed(0)} % of the patches`;
    const finding = found[0]?.margin
      ? `${percent} speak for the second class more than for the predicted one`
      : `${percent} have a negative part`;
    return {
      text: `${isExact ? `Exact parts of ${what}` : `Gradient times input of ${what}, which is not exact`}. ${finding} (${found.length} images).`,
      data: { of: hasHead ? "logit" : "length of the features", images: found },
      charts: [await chartOf(subject, found)],
    };
  },
};

function shareOfNegative(maps: readonly ContributionMap[]): number {
  const all = maps.flatMap(({ values }) => Array.from(values));
  return all.filter((value) => value < 0).length / all.length;
}

async function chartOf(subject: Subject, found: readonly ImageContributions[]): Promise<AnalysisChart> {
  const pictures: SheetPicture[] = [];
  for (const [i, { image, target, exact, margin, gradient, value }] of found.entries()) {
    const pixels = shownPixels(subject, i);
    const label = target ?? image;
    pictures.push({ source: await photoUri(pixels), alt: `${image}: ${label}, ${value.toFixed(2)}`, caption: label });
    const several = (exact?.maps.length ?? 0) > 1;
    const maps = [
      ...(exact?.maps ?? []).map((map) => ({ name: map.layer, about: label, ...map })),
      ...(margin?.maps ?? []).map((map) => ({
        name: several ? `margin ${map.layer}` : "margin",
        about: `${label} over ${margin?.over ?? ""}`,
        ...map,
      })),
      { name: "gradient", about: label, ...gradient },
    ];
    for (const { name, about, values, rows, columns } of maps) {
      const most = largest(values.map(Math.abs));
      const scale = { kind: "diverging", range: [-most, most] } as const;
      const source = await photoUri(underMap(pixels, values, { rows, columns }, scale));
      const sum = values.reduce((total, part) => total + part, 0);
      const caption = `${name} ${shortSum(sum, most)}`;
      pictures.push({ source, alt: `${image}, ${about}: ${caption}, largest part ${most.toPrecision(2)}`, caption });
    }
  }
  const group = pictures.length / found.length;
  const exactLayers = found[0]?.exact?.maps.map(({ layer }) => layer) ?? [];
  // two images share a row where there is space for both
  const perRow = (width: number) => (2 * group <= 6 && width >= 600 ? 2 * group : group);
  return {
    title:
      subject.config.classes > 0 ? "Parts of the logit of the predicted class" : "Parts of the feature vector's length",
    caption: `Orange patches speak for it, blue ones against it, in each map up to its largest part; the number is the sum of the map. ${captionOf(subject, exactLayers)}`,
    draw: (width) =>
      contactSheet({
        width,
        description: "Contribution of each patch, over the images.",
        pictures,
        group: perRow(width),
        columns: width < 600 ? narrowColumns(group) : Math.min(perRow(width), 6),
        cell: 168,
        aspect: subject.imageShape[0] / subject.imageShape[1],
        scale: { kind: "diverging", range: [-1, 1], name: "share of the largest part" },
      }),
  };
}

/** A sum with three digits; 0 where it is rounding of parts that cancel. */
const shortSum = (sum: number, largestPart: number): string =>
  Math.abs(sum) < 1e-3 * largestPart ? "0" : String(Number(sum.toPrecision(3)));

function captionOf({ config }: Subject, layers: readonly string[]): string {
  const gradient =
    "gradient: gradient times input of the pixels, where an input of 0 counts as nothing; its sum is 0 where a norm right after the first convolution makes the scale of an image irrelevant.";
  if (layers.length === 0) {
    return `Not exact, because the features are not a mean of tokens with a linear head; ${gradient}`;
  }
  const norm =
    config.family === "vit" && config.poolNorm === "after"
      ? " The norm after the mean divides by a deviation that is held at its value for the image."
      : "";
  return `${layers.join(", ")}: exact, the head applied to each vector that is averaged; the vectors have seen other patches in earlier layers.${norm}${config.classes > 1 ? " margin: the same for the difference from the second largest logit." : ""} The sums and the biases give the ${config.classes > 0 ? "logit" : "length"}; ${gradient}`;
}
