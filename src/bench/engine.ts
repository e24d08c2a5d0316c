// The engine's benchmark: each measurement in a process of its own, one after the other.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { builtModule } from "../text/built.js";
import type { EngineMeasure, EngineMeasureOptions } from "./engine-measure.js";

export interface EngineBench {
  readonly model: string;
  readonly batchSize: number;
  readonly imageSize: number;
  readonly matmulGflops: number;
  readonly stepGflops: number;
  /** Rate of forward and backward over the machine's matmul rate. */
  readonly ratio: number;
  /** The same with AdamW (and clipping by global norm) in the step. */
  readonly ratioWithUpdate: number;
  /** Peak resident bytes of the process that runs forward and backward. */
  readonly peakBytes: number;
  readonly peakBytesRematerialised: number;
  readonly peakBytesWithUpdate: number;
  readonly ratioRematerialised: number;
  readonly buildSeconds: number;
  readonly compileSeconds: number;
  readonly imagesPerSecond: number;
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

/** One measurement in a process of its own. */
export async function measureInProcess(options: EngineMeasureOptions): Promise<EngineMeasure> {
  const child = fileURLToPath(builtModule(import.meta.url, "./engine-child.js"));
  const { stdout } = await run(process.execPath, [child, JSON.stringify(options)], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as EngineMeasure;
}

/** Forward and backward, the same rematerialised, and the whole step with AdamW, each beside the machine's matmul rate. */
export async function benchEngine({ onProgress, ...options }: EngineBenchOptions): Promise<EngineBench> {
  const base = { ...options, rematerialise: false, update: false };
  const measure = async (what: string, changes: Partial<EngineMeasureOptions>) => {
    onProgress?.(`${options.model}, batch ${options.batchSize}: ${what}`);
    return measureInProcess({ ...base, ...changes });
  };
  const plain = await measure("forward and backward", {});
  const updated = await measure("with AdamW", { update: true });
  const rematerialised = await measure("rematerialised", { rematerialise: true, rounds: 3 });
  return {
    model: options.model,
    batchSize: options.batchSize,
    imageSize: options.imageSize,
    matmulGflops: plain.matmulGflops,
    stepGflops: plain.stepGflops,
    ratio: plain.ratio,
    ratioWithUpdate: updated.ratio,
    peakBytes: plain.peakBytes,
    peakBytesRematerialised: rematerialised.peakBytes,
    peakBytesWithUpdate: updated.peakBytes,
    ratioRematerialised: rematerialised.ratio,
    buildSeconds: plain.buildSeconds,
    compileSeconds: plain.compileSeconds,
    imagesPerSecond: plain.imagesPerSecond,
  };
}
