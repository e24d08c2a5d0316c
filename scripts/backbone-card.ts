/** The card of a backbone that comes with the package: what it is, what it can do, how it was made, on what terms. */
import { basename } from "node:path";
import type { BackboneRow, BackbonesBench } from "../src/benchmarks/index.js";
import type { CorruptionReport } from "../src/benchmarks/robustness/index.js";
import { groupDigits, inPercent, plural } from "../src/text/format.js";
import { markdownTable } from "../src/text/table.js";
import type { Weights } from "../src/weights/index.js";

/** What backbones of the package may be made from, by the name of the file or folder, with its origin and its terms. */
const origins: Readonly<Record<string, string>> = {
  "tiny-imagenet-64":
    "60,000 training images of Tiny-ImageNet-200 at 64x64 pixels (github.com/seshuad/IMagenet, commit 153dbc1). They are photographs of ImageNet, whose terms allow non-commercial research and education. None of them is in this package.",
  "mobilenet_v1_0.75":
    "MobileNetV1-0.75, trained on ImageNet (github.com/tangmingsh/ml5featureExtractormodel, commit 238fbc5). Its repository states no licence. It is not in this package.",
  "mobilenet_v2_1.0":
    "MobileNetV2-1.0, trained on ImageNet (the ONNX model zoo's, by way of github.com/BruceDai/test-data, commit 38659df), Apache-2.0. It is not in this package.",
  "mobilenet_v2_0.35":
    "MobileNetV2-0.35, trained on ImageNet (github.com/googlecreativelab/teachablemachine-community, commit 55aa0bb), Apache-2.0. It is not in this package.",
};

/** The origin of what a recipe names. Throws for what the table does not know. */
function originOf(spec: string): string {
  const [own, kind] = /^(embedded|generated):[^?]+/.exec(spec) ?? [];
  if (own !== undefined) {
    return `\`${own}\` of this package, ${kind === "embedded" ? "on the terms in assets/data/README.md" : "drawn by it"}.`;
  }
  const name = basename(spec.split("?")[0]!.replace(/\/+$/, "")).replace(/\.onnx$/, "");
  const origin = origins[name];
  if (origin !== undefined) return origin;
  throw new Error(
    `nothing says where "${name}" is from and on what terms; add it to origins in scripts/backbone-card.ts`,
  );
}

/** What is said of images of a source that were left out. */
function exclusionOf(spec: string): string {
  const [, list] = /[?&]exclude=([^&]+)/.exec(spec) ?? [];
  if (list === undefined) return "";
  return ` Those that \`fovea dedup\` found in sets a backbone is measured on, or twice, were left out (\`${basename(list)}\` beside the recipe).`;
}

/** The part of a run that its card tells of. */
export interface TrainedFrom {
  /** The recipe file that makes such a run, from the root of the repository. */
  readonly recipe: string;
  /** Specs of what was learnt from: images, then teachers. */
  readonly sources: readonly string[];
  readonly teachers: readonly string[];
  readonly objective: string;
  readonly steps: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Sides of the images in training, one or two. */
  readonly imageSize: readonly number[];
  readonly seconds: number;
  /** Threads it was trained with, where the recipe says. */
  readonly threads: number | undefined;
  /** The loss of its objective on the evaluation images, by step. */
  readonly curve: readonly { readonly step: number; readonly loss: number }[];
}

/** What `fovea corruptions --json` writes. */
export type RobustnessFigures = CorruptionReport & { readonly source: string };

export interface CardContents {
  readonly name: string;
  readonly weights: Weights;
  readonly parameters: number;
  readonly width: number;
  readonly files: Readonly<Record<string, number>>;
  readonly trained: TrainedFrom;
  readonly figures?: BackbonesBench;
  /** What a reader of the figures must know of how they were measured. */
  readonly remark?: string;
  /** Accuracy on corrupted images. */
  readonly robustness?: RobustnessFigures;
  /** What it is bad at, in Markdown. */
  readonly badAt?: string;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** What its licence line says; the whole is in the card. */
export const shortLicence =
  "Apache-2.0; learnt from images and networks with terms of their own, see README.md beside it";

/** The card, in Markdown. */
export function backboneCard(contents: CardContents): string {
  const { name, weights, parameters, width, files, trained, figures, remark = "", badAt } = contents;
  const { config, image, metadata } = weights;
  const spec = `embedded:${name}`;
  return [
    `# ${spec}`,
    "",
    `A ${config.family === "resnet" ? "BiT ResNet" : config.family === "vit" && config.stem.kind !== "patch" ? "Vision Transformer on convolutions" : config.family} that gives an image of ${image.height} x ${image.width} pixels ${width} features; it comes with Fovea and is opened by the name \`${spec}\`.`,
    "",
    "```sh",
    `npx fovea fewshot ${spec} photos/           # few-shot accuracy on your classes`,
    `npx fovea fit photos/ --backbone ${spec}    # train a classifier of your classes`,
    "```",
    "",
    `- parameters: ${groupDigits(parameters)} (${megabytes(4 * parameters)} as float32)`,
    `- network: \`${JSON.stringify(config)}\``,
    `- images: \`${metadata.preprocessing}\`; \`${spec}?size=80\` and so on for other sizes`,
    ...Object.entries(files).map(([file, bytes]) => `- \`${file}\`: ${megabytes(bytes)}, ${about[file]!}`),
    "",
    "## What it can do",
    "",
    ...(figures ? figuresOf(figures, spec, remark) : ["Not measured yet: `npx fovea compare` does."]),
    "",
    "## What it is bad at",
    "",
    badAt?.trim() ?? "Nobody has looked yet.",
    "",
    "## Robustness",
    "",
    robustnessOf(spec, contents.robustness),
    "",
    "## How it was made",
    "",
    `\`${trained.recipe}\` trains it: objective \`${trained.objective}\`, ${groupDigits(trained.steps)} steps of ${trained.batchSize} images of ${trained.imageSize.join(" x ")} pixels, ${trained.epochs.toFixed(1)} passes over the images, ${(trained.seconds / 60).toFixed(0)} minutes${threadsOf(trained)}. Of the run's weights, or their averages where it kept them, the training head was left away and the rest rounded to float16.`,
    "",
    `Loss on its evaluation images by step: ${trained.curve.map(({ step, loss }) => `${groupDigits(step)} ${loss.toFixed(3)}`).join(", ")}.`,
    "",
    "## What it learnt from, and terms",
    "",
    ...trained.sources.map((source) => `- images: ${originOf(source)}${exclusionOf(source)}`),
    ...trained.teachers.map((teacher) => `- teacher: ${originOf(teacher)}`),
    "",
    "The weights are given under the Apache License 2.0 like the rest of the package, as far as rights in them are its authors'. They are a product of the above: whether its terms bind you is for you to judge, above all before commercial use. It was not made to tell people apart or to decide about them.",
    "",
  ].join("\n");
}

const threadsOf = ({ threads }: TrainedFrom): string => (threads === undefined ? "" : ` on ${plural(threads, "core")}`);

const about: Readonly<Record<string, string>> = {
  "model.safetensors": "float16, in Fovea's layout, with its own description",
  "model.onnx":
    "float16 weights, computed with in float32: `pixel_values` [batch, 3, height, width] to `features` [batch, width]",
};

function robustnessOf(spec: string, found: RobustnessFigures | undefined): string {
  if (!found) return `Not measured: \`npx fovea corruptions ${spec} photos/\` does.`;
  const { clean, meanAccuracy, families, results, source } = found;
  const severities = [...new Set(results.map(({ severity }) => severity))].join(", ");
  const worstFirst = families.toSorted((a, b) => a.accuracy - b.accuracy);
  return [
    `On ${clean.images} images of ${basename(source).replace(/\.tar$/, "")}, a ridge on features of all clean training images: ${inPercent(clean.accuracy)} % clean (${clean.confidence95.map((share) => inPercent(share)).join(" to ")}), ${inPercent(meanAccuracy)} % under ${families.length} corruptions at severities ${severities} (${(meanAccuracy / clean.accuracy).toFixed(2)} of clean), by \`npx fovea corruptions\`:`,
    "",
    `${worstFirst.map(({ corruption, accuracy }) => `${corruption.replaceAll("_", " ")} ${inPercent(accuracy)}`).join(", ")}.`,
  ].join("\n");
}

/** How a row is called: its own name, a peer by that of its file, and how large the images were. */
function rowName({ spec, kind, imageShape: [height, width] }: BackboneRow, own: string): string {
  if (kind === "pixels") return `raw pixels ${height} x ${width}`;
  const size = `, ${height} x ${width}`;
  const [path] = spec.split("?") as [string];
  if (path === own) return `**${own}**${size}`;
  if (path === `random:${own}`) return `the same before training${size}`;
  return `${/^\w+:/.test(path) ? path : basename(path).replace(/\.onnx$/, "")}${size}`;
}

function figuresOf({ protocol, sets, backbones }: BackbonesBench, own: string, remark: string): string[] {
  const accuracies = (row: readonly { readonly mean: number; readonly standardDeviation: number }[]) =>
    row.map(({ mean, standardDeviation }) => `${inPercent(mean)}±${inPercent(standardDeviation)}`).join(" / ");
  const head = [
    "backbone, images",
    "MB",
    "images/s",
    "mean",
    ...sets.map(({ name, classes }) => `${name} (${classes})`),
  ];
  const rows = backbones.map((row) => [
    rowName(row, own),
    row.kind === "pixels" ? "" : ((row.fileBytes ?? row.onnxBytes) / 1e6).toFixed(1),
    row.kind === "pixels" ? "" : row.imagesPerSecond.toFixed(0),
    row.mean.map(({ mean }) => inPercent(mean)).join(" / "),
    ...sets.map(({ name }) => accuracies(row.sets[name]!)),
  ]);
  return [
    `Few-shot accuracy in per cent from ${protocol.shots.join(" / ")} examples a class (mean and standard deviation over ${protocol.seeds} draws; up to ${protocol.testImages} test images a set), by \`npx fovea compare\`, with ${plural(protocol.threads, "thread")}:`,
    "",
    markdownTable(head, rows),
    "",
    `Numbers of classes are in brackets. MB are those of the file; networks before training are counted as float32 ONNX. ${remark}`.trimEnd(),
  ];
}
