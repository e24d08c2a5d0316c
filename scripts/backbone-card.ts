/** The model card of a bundled backbone: what it is, its accuracy, its training, its terms. */
import { basename } from "node:path";
import type { BackboneRow, Comparison } from "../src/benchmarks/index.js";
import type { CorruptionReport } from "../src/benchmarks/robustness/index.js";
import { groupDigits, inPercent, plural } from "../src/text/format.js";
import { markdownTable } from "../src/text/table.js";
import type { Weights } from "../src/weights/index.js";

/** Images and teachers of bundled backbones by the name of the file or folder, with their origins and terms. */
const origins: Readonly<Record<string, string>> = {
  "tiny-imagenet-64":
    "60,000 training images of Tiny-ImageNet-200 at 64x64 pixels (github.com/seshuad/IMagenet, commit 153dbc1). They are photographs of ImageNet, whose terms allow non-commercial research and education. The package contains none of them.",
  "upstream-128":
    "29,500 photographs, drawings and icons of 18 sets at 128 pixels, without their labels: ImageNet samples, BSDS500, birds, Flickr8k, Caltech-101, PACS, houses, sports, cats, dogs and pandas, texture-shape conflicts, Noto Emoji, faces with masks, CamVid, brain scans, steel surfaces, Intel scenes. Of these only the texture-shape conflicts (CC BY 4.0) and Noto Emoji (Apache-2.0) state a permissive licence in their repositories; treat the rest as for research only. The package contains none of them.",
  "mobilenet_v1_0.75":
    "MobileNetV1-0.75, trained on ImageNet (github.com/tangmingsh/ml5featureExtractormodel, commit 238fbc5). Its repository states no licence. The package does not contain it.",
  "mobilenet_v2_1.0":
    "MobileNetV2-1.0, trained on ImageNet (from the ONNX model zoo, by way of github.com/BruceDai/test-data, commit 38659df), Apache-2.0. The package does not contain it.",
  "mobilenet_v2_0.35":
    "MobileNetV2-0.35, trained on ImageNet (github.com/googlecreativelab/teachablemachine-community, commit 55aa0bb), Apache-2.0. The package does not contain it.",
};

/** The origin of images or of a teacher of a recipe. Throws for a name that the table does not have. */
function originOf(spec: string): string {
  const [own, kind] = /^(embedded|generated):[^?]+/.exec(spec) ?? [];
  if (own !== undefined) {
    return `\`${own}\` of this package, ${kind === "embedded" ? "on the terms in assets/data/README.md" : "drawn by it"}.`;
  }
  const name = basename(spec.split("?")[0]!.replace(/\/+$/, "")).replace(/\.onnx$/, "");
  const origin = origins[name];
  if (origin !== undefined) return origin;
  throw new Error(`the origin and the terms of "${name}" are unknown; add it to origins in scripts/backbone-card.ts`);
}

/** The sentence on what was fitted after the training. */
const whiteningOf = (config: Weights["config"]): string =>
  config.family === "resnet" && config.whitening
    ? " The partial whitening of its features was fitted to training images (`scripts/whitening.ts`)."
    : "";

/** The sentence on excluded images of a source. */
function exclusionOf(spec: string): string {
  const [, list] = /[?&]exclude=([^&]+)/.exec(spec) ?? [];
  if (list === undefined) return "";
  return ` Near-duplicates of test images and repeated images, as \`fovea dedup\` found them, were excluded (\`${basename(list)}\` beside the recipe).`;
}

/** The part of a run that its card describes. */
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
  /** Number of cores it was trained on, if known. */
  readonly cores: number | undefined;
  /** The recipe of the run whose weights it started from. */
  readonly startedFrom?: string | undefined;
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
  readonly figures?: Comparison;
  /** A remark on how the figures were measured. */
  readonly remark?: string;
  /** Accuracy on corrupted images. */
  readonly robustness?: RobustnessFigures;
  /** Its limitations, in Markdown. */
  readonly badAt?: string;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** What its licence line says; the whole is in the card. */
export const shortLicence = (teachers: readonly string[]): string =>
  `Apache-2.0; learnt from images${teachers.length > 0 ? " and networks" : ""} with terms of their own, see README.md beside it`;

const familyOf = (config: Weights["config"]): string =>
  config.family === "resnet"
    ? "BiT ResNet"
    : config.family === "vit" && config.stem.kind !== "patch"
      ? "hybrid Vision Transformer (convolutional stem)"
      : config.family === "vit"
        ? "plain Vision Transformer (patches, learned positions)"
        : config.family;

/** The card, in Markdown. */
export function backboneCard(contents: CardContents): string {
  const { name, weights, parameters, width, files, trained, figures, remark = "", badAt } = contents;
  const { config, image, metadata } = weights;
  const spec = `embedded:${name}`;
  return [
    `# ${spec}`,
    "",
    `A ${familyOf(config)} with ${width} features for an image of ${image.height} x ${image.width} pixels. It is bundled with Fovea and opened by the name \`${spec}\`.`,
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
    "## Few-shot accuracy",
    "",
    ...(figures ? figuresOf(figures, spec, remark) : ["Not measured yet: `npx fovea compare` does."]),
    "",
    "## Limitations",
    "",
    badAt?.trim() ?? "Not described yet.",
    "",
    "## Robustness",
    "",
    robustnessOf(spec, contents.robustness),
    "",
    "## Training",
    "",
    `\`${trained.recipe}\` trains it: objective \`${trained.objective}\`, ${groupDigits(trained.steps)} steps of ${trained.batchSize} images of ${trained.imageSize.join(" x ")} pixels, ${trained.epochs.toFixed(1)} epochs, ${(trained.seconds / 60).toFixed(0)} minutes${coresOf(trained)}. ${startOf(trained)}The weights are those of the run, or their averages if it kept averages; the training head was removed, and the rest is stored in float16.${whiteningOf(config)}`,
    "",
    `Loss on its evaluation images by step: ${trained.curve.map(({ step, loss }) => `${groupDigits(step)} ${loss.toFixed(3)}`).join(", ")}.`,
    "",
    trained.teachers.length > 0 ? "## Training data, teachers and terms" : "## Training data and terms",
    "",
    ...trained.sources.map((source) => `- images: ${originOf(source)}${exclusionOf(source)}`),
    ...trained.teachers.map((teacher) => `- teacher: ${originOf(teacher)}`),
    "",
    `The weights are under the Apache License 2.0 as far as the project's own rights reach. They were derived from the images ${trained.teachers.length > 0 ? "and teachers " : ""}above: whether the terms of these apply to your use is your decision to make, above all before commercial use. The network was not made to identify people or to make decisions about them.`,
    "",
  ].join("\n");
}

const coresOf = ({ cores }: TrainedFrom): string =>
  cores === undefined ? "" : ` on ${cores > 1 ? "at most " : ""}${plural(cores, "core")}`;

const startOf = ({ startedFrom }: TrainedFrom): string =>
  startedFrom === undefined ? "" : `It started from the weights that \`${startedFrom}\` trained. `;

const about: Readonly<Record<string, string>> = {
  "model.safetensors": "float16, in Fovea's layout, with the configuration in its metadata",
  "model.onnx":
    "float16 weights, computation in float32: `pixel_values` [batch, 3, height, width] to `features` [batch, width]",
};

function robustnessOf(spec: string, found: RobustnessFigures | undefined): string {
  if (!found) return `Not measured: \`npx fovea corruptions ${spec} photos/\` does.`;
  const { clean, meanAccuracy, families, results, source } = found;
  const severities = [...new Set(results.map(({ severity }) => severity))].join(", ");
  const worstFirst = families.toSorted((a, b) => a.accuracy - b.accuracy);
  return [
    `On ${clean.images} images of ${basename(source).replace(/\.tar$/, "")}, ridge regression on the features of all clean training images: ${inPercent(clean.accuracy)} % clean (${clean.confidence95.map((share) => inPercent(share)).join(" to ")}), ${inPercent(meanAccuracy)} % under ${families.length} corruptions at severities ${severities} (${(meanAccuracy / clean.accuracy).toFixed(2)} of clean), by \`npx fovea corruptions\`:`,
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
  if (path === `random:${own}`) return `the same with random weights${size}`;
  return `${/^\w+:/.test(path) ? path : basename(path).replace(/\.onnx$/, "")}${size}`;
}

function figuresOf({ protocol, sets, backbones }: Comparison, own: string, remark: string): string[] {
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
    `Few-shot accuracy in per cent from ${protocol.shots.join(" / ")} examples per class (mean and standard deviation over ${protocol.seeds} draws; up to ${protocol.testImages} test images per dataset), by \`npx fovea compare\`, with ${plural(protocol.threads, "thread")}:`,
    "",
    markdownTable(head, rows),
    "",
    `The number of classes is in brackets. MB is the size of the file; networks with random weights are counted as float32 ONNX. ${remark}`.trimEnd(),
  ];
}
