/** Benchmarks the engine, with each measurement in a separate process, one after the other. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { builtModule } from "../files/built-module.js";
import { parseModelName } from "../models/index.js";
import { fastestMicrobatches } from "../train/index.js";
import type { EngineMeasure, EngineMeasureOptions } from "./engine-measure.js";

export interface EngineBench {
  readonly model: string;
  readonly batchSize: number;
  readonly imageSize: number;
  /** Microbatches that gradients are accumulated over. */
  readonly microbatches: number;
  /** Threads of the step and of the matrix products. */
  readonly threads: number;
  readonly matmulGflops: number;
  readonly stepGflops: number;
  /** Rate of forward and backward divided by the machine's matmul rate. */
  readonly ratio: number;
  /** The same ratio for a whole training step: AdamW with clipping by global norm; for ResNets SGD with momentum. */
  readonly ratioWithUpdate: number;
  /** The same ratio for the exported network, forward only. */
  readonly ratioInference: number;
  /** Peak resident bytes of the process that runs forward and backward. */
  readonly peakBytes: number;
  readonly peakBytesRematerialised: number;
  readonly peakBytesWithUpdate: number;
  readonly ratioRematerialised: number;
  /**
   * Time of forward and backward with rematerialisation divided by the time without, both relative to the machine's
   * matrix product.
   */
  readonly timeRematerialised: number;
  /** The same ratio with convolutions image by image, for networks with convolutions. */
  readonly timeImageByImage: number | undefined;
  readonly buildSeconds: number;
  readonly compileSeconds: number;
  /** Speed of forward and backward; below, of the whole step and of the exported network. */
  readonly imagesPerSecond: number;
  readonly imagesPerSecondWithUpdate: number;
  readonly imagesPerSecondInference: number;
}

export type EngineBenchOptions = Pick<
  EngineMeasureOptions,
  "model" | "batchSize" | "imageSize" | "rounds" | "microbatches"
> & {
  readonly threads?: number;
  /** Steps with update in one run of the program. */
  readonly stepsPerRun: number;
  readonly onProgress?: (what: string) => void;
};

const run = promisify(execFile);

/** Runs one measurement in a separate process. */
export async function measureInProcess(options: EngineMeasureOptions): Promise<EngineMeasure> {
  const child = fileURLToPath(builtModule(import.meta.url, "./engine-child.js"));
  const { stdout } = await run(process.execPath, [child, JSON.stringify(options)], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as EngineMeasure;
}

/**
 * Measures forward and backward, the same with rematerialisation, and the whole step with AdamW, each relative to the
 * machine's matmul rate.
 */
export async function benchEngine({ onProgress, ...options }: EngineBenchOptions): Promise<EngineBench> {
  const base = { ...options, rematerialise: false, work: "gradients" as const };
  const measure = async (what: string, changes: Partial<EngineMeasureOptions>) => {
    onProgress?.(`${options.model}, batch ${options.batchSize}: ${what}`);
    return measureInProcess({ ...base, ...changes });
  };
  const plain = await measure("forward and backward", {});
  const updated = await measure("with the update", { work: "training" });
  const inference = await measure("inference", { work: "inference" });
  const rematerialised = await measure("rematerialised", { rematerialise: true, rounds: 3 });
  const { family } = parseModelName(options.model);
  const apart = family === "resnet" ? await measure("image by image", { imageByImage: true }) : undefined;
  // Time relative to the plain measurement, both relative to the machine's matrix product.
  const timeOf = (one: EngineMeasure) => one.gflopsPerStep / one.ratio / (plain.gflopsPerStep / plain.ratio);
  return {
    model: options.model,
    batchSize: options.batchSize,
    imageSize: options.imageSize,
    microbatches: options.microbatches,
    threads: plain.threads,
    matmulGflops: plain.matmulGflops,
    stepGflops: plain.stepGflops,
    ratio: plain.ratio,
    ratioWithUpdate: updated.ratio,
    ratioInference: inference.ratio,
    peakBytes: plain.peakBytes,
    peakBytesRematerialised: rematerialised.peakBytes,
    peakBytesWithUpdate: updated.peakBytes,
    ratioRematerialised: rematerialised.ratio,
    timeRematerialised: timeOf(rematerialised),
    timeImageByImage: apart && timeOf(apart),
    buildSeconds: plain.buildSeconds,
    compileSeconds: plain.compileSeconds,
    imagesPerSecond: plain.imagesPerSecond,
    imagesPerSecondWithUpdate: updated.imagesPerSecond,
    imagesPerSecondInference: inference.imagesPerSecond,
  };
}

export interface MemoryBench {
  readonly model: string;
  readonly imageSize: number;
  /** Peak resident bytes of training steps with AdamW, for a batch and for one four times as large. */
  readonly plain: { readonly batchSize: number; readonly peakBytes: number };
  readonly saving: { readonly batchSize: number; readonly microbatches: number; readonly peakBytes: number };
  /** Whether the large batch runs within the memory of the small one. */
  readonly fits: boolean;
}

/** Measures steps with AdamW of a batch, and of one four times as large with rematerialisation and two microbatches. */
export async function benchMemory({ onProgress, ...options }: EngineBenchOptions): Promise<MemoryBench> {
  const { model, imageSize, batchSize } = options;
  const base = {
    ...options,
    work: "training" as const,
    rounds: 1,
    stepsPerRun: 1,
    microbatches: 1,
    rematerialise: false,
  };
  onProgress?.(`${model}, batch ${batchSize}: unchanged`);
  const plain = await measureInProcess(base);
  const saving = { batchSize: 4 * batchSize, microbatches: 2 };
  onProgress?.(`${model}, batch ${saving.batchSize}: rematerialised, in ${saving.microbatches} microbatches`);
  const { peakBytes } = await measureInProcess({ ...base, ...saving, rematerialise: true });
  return {
    model,
    imageSize,
    plain: { batchSize, peakBytes: plain.peakBytes },
    saving: { ...saving, peakBytes },
    fits: peakBytes <= plain.peakBytes,
  };
}

/** Options of `speedEngine` and `speedMemory`. Default: the models and batch sizes of the documentation. */
export type SpeedEngineOptions = Omit<EngineBenchOptions, "model" | "microbatches"> & {
  readonly model?: string | undefined;
  /** Default: as in training. */
  readonly microbatches?: number | undefined;
};

/** Adds the microbatches that training would use. Throws for an unknown model, before anything is measured. */
function withMicrobatches(model: string, batchSize: number, options: SpeedEngineOptions): EngineBenchOptions {
  const { imageSize } = options;
  const fastest = fastestMicrobatches(parseModelName(model), [imageSize, imageSize], batchSize);
  return { ...options, model, batchSize, microbatches: options.microbatches ?? fastest };
}

/** Measures the training step of one model; by default S/16 at batch size 8, and Ti/16 at 16 as `tiny`. */
export async function speedEngine(options: SpeedEngineOptions): Promise<EngineBench & { readonly tiny?: EngineBench }> {
  const { model, batchSize } = options;
  if (model !== undefined) return await benchEngine(withMicrobatches(model, batchSize, options));
  const small = await benchEngine(withMicrobatches("S/16", 8, options));
  return { ...small, tiny: await benchEngine(withMicrobatches("Ti/16", 16, options)) };
}

/** Measures whether a batch four times as large fits into the memory of the original one; by default of S/16. */
export async function speedMemory(options: SpeedEngineOptions): Promise<MemoryBench> {
  return await benchMemory(withMicrobatches(options.model ?? "S/16", options.batchSize, options));
}
