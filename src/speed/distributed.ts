/**
 * Compares training divided over ranks with training in one process with the same total number of threads, each in
 * separate processes.
 */

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../algebra/statistics.js";
import { parseModelName } from "../models/index.js";
import { availableThreads } from "../runtime/index.js";
import { largest } from "../text/arrays.js";
import { launchOf, type RecipeInput, readMetrics } from "../train/index.js";

export interface DistributedBenchOptions {
  /** A Vision Transformer by its name. */
  readonly model: string;
  readonly imageSize: number;
  /** Images per step, over all ranks. */
  readonly batchSize: number;
  readonly steps: number;
  readonly ranks: number;
  /** Total number of threads, divided over the ranks; default: the number of cores. */
  readonly threads?: number;
  /** Labelled images to train on. */
  readonly source: string;
  /** The command that starts ranks, and its arguments before `-n`. */
  readonly launcher: readonly string[];
  readonly onProgress?: (what: string) => void;
}

export interface DistributedBench {
  readonly model: string;
  readonly imageSize: number;
  readonly batchSize: number;
  readonly steps: number;
  readonly ranks: number;
  readonly threads: number;
  /** The largest difference of a step's losses, relative to those of one rank. */
  readonly lossDifference: number;
  /** At the median step, without the first ones. */
  readonly imagesPerSecond: { readonly one: number; readonly several: number };
  /** Throughput of the ranks together divided by that of one process. */
  readonly ratio: number;
  readonly losses: { readonly one: readonly number[]; readonly several: readonly number[] };
}

// The first steps decode images for the first time and warm up the caches.
const warmUp = 3;

/**
 * Trains the same recipe in one process and divided over ranks, one after the other. Throws when the ranks do not
 * divide the threads or the batch, when there is no launcher, and with the output of a failed run.
 */
export async function benchDistributed(options: DistributedBenchOptions): Promise<DistributedBench> {
  const { model, imageSize, batchSize, steps, ranks, onProgress } = options;
  const threads = options.threads ?? availableThreads();
  if (launchOf()) throw new Error("this command starts the ranks itself; run it without mpiexec");
  if (steps < warmUp + 2) throw new RangeError(`steps is ${steps}; give at least ${warmUp + 2}`);
  if (threads % ranks !== 0) {
    throw new RangeError(`${threads} threads cannot be divided over ${ranks} ranks; give --threads or --ranks`);
  }
  const folder = await mkdtemp(join(tmpdir(), "fovea-distributed-"));
  try {
    const train = async (name: string, ownThreads: number, launch: readonly string[]) => {
      onProgress?.(`${model} at ${imageSize} px, batch ${batchSize}: ${name}`);
      const output = join(folder, name.replaceAll(" ", "-"));
      const recipe = `${output}.json`;
      await writeFile(recipe, JSON.stringify(recipeOf(options, ownThreads, output)));
      const command = fileURLToPath(new URL("../../bin/fovea.js", import.meta.url));
      await run([...launch, process.execPath, command, "train", recipe, "--json"]);
      const records = (await readMetrics(join(output, "metrics.jsonl"))).filter(({ loss }) => loss !== undefined);
      const seconds = records.slice(warmUp).map(({ time }, i) => time - records[warmUp + i - 1]!.time);
      return { losses: records.map(({ loss }) => loss!), imagesPerSecond: batchSize / median(seconds) };
    };
    const one = await train("one rank", threads, []);
    const several = await train(`${ranks} ranks`, threads / ranks, [...options.launcher, "-n", String(ranks)]);
    return {
      model,
      imageSize,
      batchSize,
      steps,
      ranks,
      threads,
      lossDifference: largest(one.losses.map((loss, i) => Math.abs(several.losses[i]! - loss) / Math.abs(loss))),
      imagesPerSecond: { one: one.imagesPerSecond, several: several.imagesPerSecond },
      ratio: several.imagesPerSecond / one.imagesPerSecond,
      losses: { one: one.losses, several: several.losses },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A typical recipe without evaluation and checkpoints: AdamW, clipping, warmup, random crops and flips. */
function recipeOf(options: DistributedBenchOptions, threads: number, output: string): RecipeInput {
  const { model, imageSize, batchSize, steps, source } = options;
  const { family } = parseModelName(model);
  if (family !== "vit") throw new RangeError(`${model} is of the family ${family}; give a Vision Transformer`);
  return {
    model: { name: "vit", variant: model, imageSize },
    data: {
      train: { source, preprocessing: `decode|inception_crop(${imageSize})|flip_lr|value_range(-1,1)` },
    },
    batchSize,
    total: { steps },
    optimizer: { name: "adamw", learningRate: 3e-4, weightDecay: 0.1, clipNorm: 1 },
    schedule: { name: "cosine", warmup: { percent: 0.1 } },
    log: { every: { steps: 1 } },
    checkpoint: { every: { steps } },
    threads,
    output,
  };
}

/** Runs a command to its end. Throws for a missing command, or with the last output of a failed one. */
async function run([command, ...words]: readonly string[]): Promise<void> {
  const child = spawn(command!, words, { stdio: ["ignore", "ignore", "pipe"] });
  let printed = "";
  child.stderr.on("data", (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-4000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new Error(`there is no command ${command}; install MPI (Debian: apt-get install mpich), or give --mpiexec`)
          : error,
      ),
    );
    child.on("close", resolve);
  });
  if (code !== 0) throw new Error(`${[command, ...words].join(" ")} failed:\n${printed.trimEnd()}`);
}

/** Measures several models, each with its image size, one after the other. */
export async function speedDistributed(
  models: readonly Pick<DistributedBenchOptions, "model" | "imageSize">[],
  options: Omit<DistributedBenchOptions, "model" | "imageSize">,
): Promise<{ readonly models: readonly DistributedBench[] }> {
  const found: DistributedBench[] = [];
  for (const model of models) found.push(await benchDistributed({ ...options, ...model }));
  return { models: found };
}
