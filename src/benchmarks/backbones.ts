/**
 * Compares the few-shot accuracy of several backbones on every dataset of a folder, with the same protocol and the same
 * examples, and reports their sizes and speeds. Each result of a backbone on a dataset is stored in a file, so that an
 * interrupted benchmark continues.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { openSource, stratifiedSample } from "../data/index.js";
import { writeFileAtomically } from "../files/atomic.js";
import { makeFolder, refuseExisting } from "../files/folder.js";
import { type Network, open } from "../networks/index.js";
import { availableThreads } from "../runtime/index.js";
import { largest } from "../text/arrays.js";
import { percent } from "../text/format.js";
import { embedDrawn, embedSource, fewShotOnFeatures } from "../transfer/index.js";
import { measureRates } from "./backbone-rates.js";

/** Options of `compare`. */
export interface CompareOptions {
  /** Folder of the datasets, each a tar of split/class/file with the splits train and test. */
  readonly data: string;
  /** Names of datasets, with or without `.tar`. Default: all of the folder. */
  readonly sets?: readonly string[] | undefined;
  /** Examples of each class. Default: 5 and 10. */
  readonly shots?: readonly number[] | undefined;
  /** Number of random draws of the support examples: seeds from 0. Default: 5. */
  readonly seeds?: number | undefined;
  /** Approximate number of test images to classify, the same fraction of each class. Default: 600. */
  readonly testImages?: number | undefined;
  /** Side of the images for ONNX files with dynamic size whose spec has none (`x.onnx?size=96`). Default: 128. */
  readonly imageSize?: number | undefined;
  /** Threads of ONNX Runtime. Default: `availableThreads`. */
  readonly threads?: number | undefined;
  /** Folder of stored results, which are used again while backbone, dataset and protocol are the same. Default: runs/backbones. */
  readonly cache?: string | undefined;
  /** File to which the result is also written, as JSON. Default: none. */
  readonly output?: string | undefined;
  /** Whether an existing file at `output` is replaced. Default: false. */
  readonly overwrite?: boolean | undefined;
  /** Receives a line for each result. */
  readonly note?: ((text: string) => void) | undefined;
}

/** The options with their defaults. */
interface Protocol {
  readonly backbones: readonly string[];
  readonly data: string;
  readonly sets: readonly string[] | undefined;
  readonly shots: readonly number[];
  readonly seeds: number;
  readonly testImages: number;
  readonly imageSize: number;
  readonly threads: number | undefined;
  readonly cache: string;
  readonly note: (text: string) => void;
}

/** The baseline, which is always measured as well. */
const baseline = "pixels:16";

/** Accuracy over the draws, as fractions; the deviation is the sample standard deviation (n - 1). */
export interface ShotAccuracy {
  readonly shots: number;
  readonly mean: number;
  readonly standardDeviation: number;
}

export interface BackboneRow {
  readonly spec: string;
  readonly kind: Network["kind"];
  /** Number of parameters, if known. */
  readonly parameters: number | undefined;
  /** Number of features per image. */
  readonly width: number;
  /** Bytes of the file it was opened from; undefined if that is not a file with weights alone. */
  readonly fileBytes: number | undefined;
  /** Bytes as an ONNX file; in float32 for Fovea's own networks. */
  readonly onnxBytes: number;
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  /** Speed from decoded and resized images in memory to features, in batches of 32. */
  readonly imagesPerSecond: number;
  readonly sets: Readonly<Record<string, readonly ShotAccuracy[]>>;
  /** Mean over the datasets, with equal weights. */
  readonly mean: readonly { readonly shots: number; readonly mean: number }[];
}

/** Accuracy, size and speed of backbones. */
export interface Comparison {
  readonly protocol: {
    readonly shots: readonly number[];
    readonly seeds: number;
    readonly testImages: number;
    readonly threads: number;
  };
  readonly sets: readonly { readonly name: string; readonly classes: number; readonly tested: number }[];
  readonly backbones: readonly BackboneRow[];
}

/** Images per batch, enough for large matrix products. */
const batchSize = 32;
/** Many short passes: starting a thread would take longer than it saves. */
const reading = { workers: 0 };
/** Increase it when a change invalidates stored results. */
const version = 1;

interface SetResult {
  readonly classes: number;
  readonly tested: number;
  readonly accuracies: readonly ShotAccuracy[];
}

/**
 * Compares backbones, and raw pixels (`pixels:16`) as a baseline, by their few-shot accuracy on every dataset of a folder, with the same examples,
 * and by their sizes and speeds. The support images come from `train` and the test images from `test`; the classifier is the ridge regression of
 * the few-shot protocol (papers.md 6). An interrupted comparison continues.
 *
 * Throws RangeError for a backbone that is given twice, an Error when the folder lacks one of the datasets or `output` exists and may not be
 * replaced, and what opening a backbone or reading images throws.
 *
 * @example
 * const { backbones } = await compare(["embedded:bit", "net.onnx?size=96"], { data: "tars/" });
 * for (const { spec, mean } of backbones) console.log(spec, mean[0]?.mean);
 */
export async function compare(backbones: readonly string[], options: CompareOptions): Promise<Comparison> {
  const { output, overwrite = false, shots = [5, 10], seeds = 5, testImages = 600, imageSize = 128, ...rest } = options;
  const all = [baseline, ...backbones.filter((spec) => spec !== baseline)];
  const repeated = all.find((spec, i) => all.indexOf(spec) < i);
  if (repeated !== undefined) throw new RangeError(`the backbone ${repeated} is given twice; give each once`);
  if (output !== undefined) refuseExisting(output, overwrite);
  const bench = await measureBackbones({
    data: rest.data,
    backbones: all,
    sets: rest.sets?.map((name) => name.replace(/\.tar$/, "")),
    shots,
    seeds,
    testImages,
    imageSize,
    threads: rest.threads,
    cache: rest.cache ?? "runs/backbones",
    note: rest.note ?? (() => {}),
  });
  if (output !== undefined) {
    await writeFileAtomically(output, [new TextEncoder().encode(`${JSON.stringify(bench, undefined, 2)}\n`)]);
  }
  return bench;
}

async function measureBackbones(options: Protocol): Promise<Comparison> {
  const { note, threads } = options;
  const names = await setsIn(options.data, options.sets);
  const backbones: Network[] = [];
  try {
    for (const spec of options.backbones) {
      backbones.push(
        await open(spec, {
          batchSize,
          threads,
          imageSize: opensAtAnySize(spec) ? options.imageSize : undefined,
        }),
      );
    }
    const found = new Map<Network, Record<string, SetResult>>(backbones.map((one) => [one, {}]));
    for (const name of names) {
      for (const backbone of backbones) {
        const result = await measured(backbone, name, options);
        found.get(backbone)![name] = result;
        const [, last] = [result.accuracies[0], result.accuracies.at(-1)!];
        note(`${name}: ${backbone.spec} ${percent(last.mean)} of ${last.shots} shots`);
      }
    }
    note("speed");
    const rates = await measureRates(backbones);
    const rows: BackboneRow[] = [];
    for (const [i, backbone] of backbones.entries()) rows.push(await rowOf(backbone, found.get(backbone)!, rates[i]!));
    const [first] = backbones;
    return {
      protocol: {
        shots: options.shots,
        seeds: options.seeds,
        testImages: options.testImages,
        threads: threads ?? availableThreads(),
      },
      sets: names.map((name) => {
        const { classes, tested } = found.get(first!)![name]!;
        return { name, classes, tested };
      }),
      backbones: rows,
    };
  } finally {
    for (const backbone of backbones) await backbone.close();
  }
}

/** Whether a spec is an ONNX file without a size; a file with a fixed size uses that when it is opened. */
const opensAtAnySize = (spec: string): boolean => /\.onnx(\?|$)/.test(spec) && !/[?&]size=/.test(spec);

/** The datasets of a folder. Throws for a folder without any and for an unknown name. */
async function setsIn(folder: string, wanted: readonly string[] | undefined): Promise<readonly string[]> {
  const files = existsSync(folder) ? await readdir(folder) : [];
  const names = files.filter((name) => name.endsWith(".tar")).map((name) => name.slice(0, -".tar".length));
  if (names.length === 0)
    throw new Error(`${folder} has no .tar file; expected a folder of datasets, each a tar of split/class/file`);
  const unknown = wanted?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`${folder} has no dataset ${unknown.join(", ")}; available: ${names.join(", ")}`);
  return wanted ?? names.sort();
}

/** Reads the stored result of a backbone on a dataset, or measures it. */
async function measured(backbone: Network, name: string, options: Protocol): Promise<SetResult> {
  const path = join(options.data, `${name}.tar`);
  const { shots, seeds, testImages } = options;
  const { size, mtimeMs } = await stat(path);
  const seen = [version, await backbone.identity(), backbone.preprocessing, name, size, mtimeMs];
  const key = createHash("sha256")
    .update(JSON.stringify([...seen, shots, seeds, testImages]))
    .digest("hex");
  const file = join(options.cache, `${name}-${key.slice(0, 24)}.json`);
  if (existsSync(file)) return JSON.parse(await readFile(file, "utf8")) as SetResult;
  const result = await measure(backbone, path, options);
  makeFolder(options.cache);
  await writeFileAtomically(file, [new TextEncoder().encode(JSON.stringify(result))]);
  return result;
}

async function measure(
  backbone: Network,
  path: string,
  { shots, seeds: draws, testImages }: Protocol,
): Promise<SetResult> {
  const seeds = Array.from({ length: draws }, (_, seed) => seed);
  await using train = await openSource(path, { split: "train" });
  await using whole = await openSource(path, { split: "test" });
  const test = stratifiedSample(whole, testImages);
  const support = await embedDrawn(backbone, train, seeds, largest(shots), reading);
  const queries = await embedSource(backbone, test, reading);
  const { summary } = await fewShotOnFeatures({
    trainFeatures: support.features,
    trainLabels: support.labels,
    testFeatures: queries.features,
    testLabels: queries.labels,
    classes: train.classNames.length,
    shots,
    seeds,
  });
  return {
    classes: train.classNames.length,
    tested: queries.labels.length,
    accuracies: summary.map(({ shots, mean, standardDeviation }) => ({ shots, mean, standardDeviation })),
  };
}

async function rowOf(
  backbone: Network,
  results: Readonly<Record<string, SetResult>>,
  imagesPerSecond: number,
): Promise<BackboneRow> {
  const { spec, kind, width, imageShape, preprocessing, path, details } = backbone;
  const sets = Object.fromEntries(Object.entries(results).map(([name, { accuracies }]) => [name, accuracies]));
  const all = Object.values(sets);
  const parameters = details["parameters"];
  // a run's checkpoint also holds the optimiser's state
  const isWeights = existsSync(path) && details["step"] === undefined;
  return {
    spec,
    kind,
    parameters: typeof parameters === "number" ? parameters : undefined,
    width,
    fileBytes: isWeights ? (await stat(path)).size : undefined,
    onnxBytes: (await backbone.toOnnx()).bytes.byteLength,
    imageShape,
    preprocessing,
    imagesPerSecond,
    sets,
    mean: all[0]!.map(({ shots }, i) => ({
      shots,
      mean: all.reduce((sum, accuracies) => sum + accuracies[i]!.mean, 0) / all.length,
    })),
  };
}
