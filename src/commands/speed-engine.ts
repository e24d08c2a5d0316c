/** `fovea speed engine`: the training step compared with the machine's matrix multiplication. */
import { z } from "zod";
import { formatBytes, plural } from "../text/format.js";
import { command } from "./command.js";
import { count, flag, option, text, threads } from "./options.js";
import * as json from "./results.js";

const engine = z.object({
  model: json.text,
  batchSize: json.number,
  imageSize: json.number,
  microbatches: json.number,
  threads: json.number,
  matmulGflops: json.number.describe("rate of a 1024 x 1024 matrix product"),
  stepGflops: json.number.describe("rate of forward and backward pass"),
  ratio: json.number.describe("stepGflops over matmulGflops"),
  ratioWithUpdate: json.number,
  ratioInference: json.number,
  peakBytes: json.number,
  peakBytesRematerialised: json.number,
  peakBytesWithUpdate: json.number,
  ratioRematerialised: json.number,
  timeRematerialised: json.number.describe(
    "time of forward and backward pass with activation checkpointing (rematerialisation) over the time without",
  ),
  timeImageByImage: json.number
    .optional()
    .describe("the same ratio with convolutions computed image by image; only for networks with convolutions"),
  buildSeconds: json.number,
  compileSeconds: json.number,
  imagesPerSecond: json.number,
  imagesPerSecondWithUpdate: json.number,
  imagesPerSecondInference: json.number,
});

const memory = z.object({
  model: json.text,
  imageSize: json.number,
  plain: z.object({ batchSize: json.number, peakBytes: json.number }),
  saving: z.object({ batchSize: json.number, microbatches: json.number, peakBytes: json.number }),
  fits: json.flag.describe("does the larger batch take no more memory?"),
});

function engineText(bench: z.output<typeof engine>): string {
  const { model, batchSize, imageSize, microbatches } = bench;
  const parts = microbatches === 1 ? "" : ` in ${microbatches} microbatches`;
  const line = (what: string, ratio: number, images: number) =>
    `  ${what.padEnd(30)}${ratio.toFixed(3)} of it; ${images.toFixed(1)} images/s`;
  return [
    `${model}, ${imageSize} px, batch ${batchSize}${parts}, ${plural(bench.threads, "thread")}`,
    `  matrix product 1024 x 1024    ${bench.matmulGflops.toFixed(1)} GFLOP/s`,
    `  forward and backward          ${bench.stepGflops.toFixed(1)} GFLOP/s, ${bench.ratio.toFixed(3)} of it; ${bench.imagesPerSecond.toFixed(1)} images/s`,
    line("with the optimiser's update", bench.ratioWithUpdate, bench.imagesPerSecondWithUpdate),
    line("exported, forward only", bench.ratioInference, bench.imagesPerSecondInference),
    `  rematerialised                ${bench.ratioRematerialised.toFixed(3)} of it; ${bench.timeRematerialised.toFixed(2)} times the time`,
    ...(bench.timeImageByImage === undefined
      ? []
      : [`  convolved image by image      ${bench.timeImageByImage.toFixed(2)} times the time`]),
    `  peak memory                   ${formatBytes(bench.peakBytes)}; rematerialised ${formatBytes(bench.peakBytesRematerialised)}; with the update ${formatBytes(bench.peakBytesWithUpdate)}`,
    `  build ${bench.buildSeconds.toFixed(2)} s, compile ${bench.compileSeconds.toFixed(2)} s`,
  ].join("\n");
}

function memoryText({ model, imageSize, plain, saving, fits }: z.output<typeof memory>): string {
  return [
    `${model}, ${imageSize} px, steps with AdamW, peak memory`,
    `  batch ${plain.batchSize}: ${formatBytes(plain.peakBytes)}`,
    `  batch ${saving.batchSize}, rematerialised, in ${saving.microbatches} microbatches: ${formatBytes(saving.peakBytes)}, ${fits ? "within it" : "more"}`,
  ].join("\n");
}

export default command({
  name: "speed engine",
  summary: "Measure the rate of a training step relative to a large matrix multiplication",
  options: {
    model: option(text.optional(), "Name of a model of any family (default: S/16 at batch 8, then Ti/16 at batch 16)"),
    batch: option(count.default(8), "Batch size of --model"),
    imageSize: option(count.default(224), "Input image size in pixels"),
    rounds: option(count.default(7), "Number of measured steps, each between matrix products"),
    microbatches: option(
      count.optional(),
      "Microbatches of a step, for gradient accumulation (default: as in training)",
    ),
    stepsPerRun: option(
      count.default(4),
      "AdamW steps per call of the ONNX Runtime session; the state is copied out once per call",
    ),
    memory: option(
      flag,
      "Instead, check that a 4x larger batch, with gradient accumulation (microbatches) and activation checkpointing (rematerialisation), fits in the memory of the original batch",
    ),
    threads,
  },
  examples: [
    { run: "fovea speed engine --json", does: "rates, their ratio, memory and build time, as JSON" },
    { run: "fovea speed engine --model R50x1 --rounds 5", does: "another model, a ResNet" },
  ],
  result: z.union([
    engine.extend({ tiny: engine.optional().describe("the same of Ti/16 at batch 16; without --model") }),
    memory.describe("with `--memory`"),
  ]),
  async run({ batch, memory, ...options }, { note }) {
    const { speedEngine, speedMemory } = await import("../speed/index.js");
    const measure = memory ? speedMemory : speedEngine;
    return await measure({ ...options, batchSize: batch, onProgress: note });
  },
  text: (found) => {
    if ("plain" in found) return memoryText(found);
    return [engineText(found), ...(found.tiny ? [engineText(found.tiny)] : [])].join("\n\n");
  },
});
