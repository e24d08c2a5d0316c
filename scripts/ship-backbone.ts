/**
 * Makes the folder of a backbone of the package from a finished run: its weights as float16 safetensors and ONNX,
 * without the training head, and its card.
 *
 *   npm run build && npx jiti scripts/ship-backbone.ts RUN NAME [--recipe FILE] [--figures FILE.json [--remark TEXT]] [--robustness FILE.json]
 *     [--bad-at FILE.md] [--image-size N] [--pooled-stages 3] [--whiten-on DATASET]... [--started-from RECIPE] [--cores N] [--output FOLDER]
 *
 * The same run gives the same files. Run it twice, the second time with measurements of the first result: --figures is
 * what `fovea compare embedded:NAME ... --output FILE.json` wrote, --robustness what `fovea corruptions embedded:NAME
 * ... --json` printed, and --bad-at (default: NAME.md beside the recipe) its known limitations. --image-size is the
 * side of the images it is opened for, if it performs best at another size than in training; --pooled-stages adds
 * earlier stages of a ResNet to its representation. --whiten-on fits a whitening
 * of the features (whitening.ts) to the images of a dataset. --started-from is the recipe of the run that this one started
 * from, and --cores the number of cores it was trained on, if not the threads of the recipe. A new NAME must also be
 * added to the table in src/weights/embedded.ts.
 */

import { existsSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Comparison } from "../src/benchmarks/index.js";
import { writeBackboneOnnx } from "../src/export/index.js";
import { writeFileAtomically } from "../src/files/atomic.js";
import { elementCount } from "../src/graph/index.js";
import { representationWidth } from "../src/models/index.js";
import { asWeights, readNetwork } from "../src/networks/index.js";
import { readMetrics } from "../src/train/index.js";
import { loadWeights, saveWeights, type Weights, withClasses } from "../src/weights/index.js";
import { backboneCard, type RobustnessFigures, shortLicence, type TrainedFrom } from "./backbone-card.js";
import { withStandardisedKernels } from "./standardised-kernels.js";
import { withWhitening } from "./whitening.js";

export interface ShipOptions {
  /** Folder of the run. */
  readonly run: string;
  readonly name: string;
  /** The path of the recipe file for the card. */
  readonly recipe: string;
  /** Folder of the backbone. */
  readonly folder: string;
  readonly figures?: Comparison;
  /** A sentence for the card on how the results were measured. */
  readonly remark?: string;
  readonly robustness?: RobustnessFigures;
  /** Its limitations, in Markdown. */
  readonly badAt?: string;
  /** Side of the images it is opened for, in pixels; default: as in training. */
  readonly imageSize?: number;
  /** Datasets to whose images a whitening of the features is fitted (whitening.ts). Default: none, no whitening. */
  readonly whitenOn?: readonly string[];
  /** The recipe of the run whose weights this one started from. */
  readonly startedFrom?: string;
  /** Number of cores that it was trained on, if not the threads of the recipe. */
  readonly cores?: number;
  /** For a ResNet: the other stages in the representation (`ResNetConfig`). */
  readonly pooledStages?: readonly number[];
  readonly note?: (text: string) => void;
}

/** Directions along which the features of a stage are whitened. */
const whitenedDirections = 128;

/** Writes model.safetensors, model.onnx and README.md; returns the size of each in bytes. */
export async function shipBackbone(options: ShipOptions): Promise<Readonly<Record<string, number>>> {
  const { run, name, recipe, folder, figures, remark, robustness, badAt, note = () => {} } = options;
  const { imageSize, pooledStages, startedFrom, cores, whitenOn = [] } = options;
  const trained = await readNetwork(run, { note, image: imageSize });
  const whole = withPooledStages(asWeights(trained), pooledStages);
  const { classNames: _, ...known } = whole.metadata;
  const read = await trainedFrom(run, recipe, trained.step ?? 0);
  const origin = { ...read, startedFrom, cores: cores ?? read.cores };
  const metadata = { ...known, licence: shortLicence(origin.teachers), source: `${recipe} of fovea` };
  const backbone = withStandardisedKernels(withClasses({ ...whole, metadata }, 0, note));
  await mkdir(folder, { recursive: true });
  const [weightsFile, onnxFile] = [join(folder, "model.safetensors"), join(folder, "model.onnx")];
  await saveWeights(weightsFile, backbone, "fovea", { dtype: "float16" });
  if (whitenOn.length > 0) {
    const whitened = await withWhitening(backbone, weightsFile, whitenOn, whitenedDirections);
    await saveWeights(weightsFile, whitened, "fovea", { dtype: "float16" });
  }
  // read back, so that both files have the same rounded numbers
  const weights = await loadWeights(weightsFile);
  await writeBackboneOnnx(folder);
  const files = {
    "model.safetensors": (await stat(weightsFile)).size,
    "model.onnx": (await stat(onnxFile)).size,
  };
  const parameters = [...weights.tensors.values()].reduce((total, { shape }) => total + elementCount(shape), 0);
  const card = backboneCard({
    name,
    weights,
    parameters,
    width: representationWidth(weights.config, [weights.image.height, weights.image.width, weights.image.channels]),
    files,
    trained: origin,
    figures,
    remark,
    robustness,
    badAt,
  });
  const bytes = new TextEncoder().encode(card);
  await writeFileAtomically(join(folder, "README.md"), [bytes]);
  return { ...files, "README.md": bytes.byteLength };
}

/** The same ResNet with other stages in its representation. Throws for another family. */
function withPooledStages(weights: Weights, pooledStages: readonly number[] | undefined): Weights {
  if (!pooledStages) return weights;
  if (weights.config.family !== "resnet") throw new Error("only a ResNet has stages to pool");
  return { ...weights, config: { ...weights.config, pooledStages } };
}

/** Describes a run from its resolved recipe, and its metrics up to the step of the checkpoint that is used. */
async function trainedFrom(run: string, recipe: string, step: number): Promise<TrainedFrom> {
  const written = JSON.parse(await readFile(join(run, "recipe.json"), "utf8")) as {
    readonly model: { readonly imageSize: number | readonly number[] };
    readonly data: { readonly train: { readonly source: string } | readonly { readonly source: string }[] };
    readonly objective: {
      readonly name: string;
      readonly teachers?: readonly { readonly network: string }[];
      readonly imageSize?: number;
    };
    readonly batchSize: number;
    readonly threads?: number;
  };
  const { data, objective, batchSize, model } = written;
  const metrics = (await readMetrics(join(run, "metrics.jsonl"))).filter((one) => one.step <= step);
  const last = metrics.at(-1);
  if (!last) throw new Error(`${run} has no metrics; give the folder of a run that has trained`);
  return {
    recipe,
    sources: [data.train].flat().flatMap(({ source }) => source.split(" + ")),
    teachers: objective.teachers?.map(({ network }) => network) ?? [],
    objective: objective.name,
    steps: step,
    epochs: last.epoch,
    batchSize,
    imageSize: [objective.imageSize ?? model.imageSize].flat(),
    seconds: last.time,
    cores: written.threads,
    curve: metrics.flatMap((one) => {
      const loss = one["evaluation/loss"];
      return loss == null ? [] : [{ step: one.step, loss }];
    }),
  };
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: {
      recipe: { type: "string" },
      figures: { type: "string" },
      remark: { type: "string" },
      robustness: { type: "string" },
      "bad-at": { type: "string" },
      "image-size": { type: "string" },
      "pooled-stages": { type: "string" },
      "whiten-on": { type: "string", multiple: true },
      "started-from": { type: "string" },
      cores: { type: "string" },
      output: { type: "string" },
    },
    allowPositionals: true,
  });
  const [run, name] = positionals;
  if (run === undefined || name === undefined || !existsSync(run)) {
    throw new Error(
      "give the folder of a run and the name of the backbone: npx jiti scripts/ship-backbone.ts RUN NAME",
    );
  }
  const recipe = values.recipe ?? `recipes/backbones/${name}.ts`;
  const notes = values["bad-at"] ?? recipe.replace(/\.ts$/, ".md");
  const files = await shipBackbone({
    run,
    name,
    recipe,
    folder: join(values.output ?? fileURLToPath(new URL("../models", import.meta.url)), name),
    figures:
      values.figures === undefined ? undefined : (JSON.parse(await readFile(values.figures, "utf8")) as Comparison),
    remark: values.remark,
    imageSize: values["image-size"] === undefined ? undefined : Number(values["image-size"]),
    pooledStages: values["pooled-stages"] === undefined ? undefined : values["pooled-stages"].split(",").map(Number),
    whitenOn: values["whiten-on"],
    startedFrom: values["started-from"],
    cores: values.cores === undefined ? undefined : Number(values.cores),
    robustness:
      values.robustness === undefined
        ? undefined
        : (JSON.parse(await readFile(values.robustness, "utf8")) as RobustnessFigures),
    badAt: existsSync(notes) ? await readFile(notes, "utf8") : undefined,
    note: (text) => console.error(text),
  });
  for (const [file, bytes] of Object.entries(files)) console.log(`${file}  ${bytes.toLocaleString("en-US")} bytes`);
}
